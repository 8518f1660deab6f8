"""From item, region and purchase option to a quote: listed, derived by a rule that its note states, or why not."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from spendgate.errors import InputError
from spendgate.prices.committed import capacity_block, reserved
from spendgate.prices.model import NoPrice, Purchase, Quote
from spendgate.prices.naming import family_of, group_of
from spendgate.prices.private import quote_of
from spendgate.prices.store import Price, Source, Store

HOME: Final = "us-east-1"
"""The region whose AWS prices are complete; the others follow it by family."""

_MICRO = Decimal("0.000001")  # AWS lists prices to a millionth of a dollar; a derived one is not more exact


def hourly(store: Store, provider: str, item: str, region: str, purchase: Purchase, term: str = "") -> Quote:
    """The price of one ``item`` for an hour, one's own before the public one. The store knows the ``region``; the
    ``term`` is that of a reserved price."""
    private = store.private()
    if not private:
        return _public(store, provider, item, region, purchase, term)
    on_demand = private.get((provider, item, region, Purchase.ON_DEMAND))
    own = private.get((provider, item, region, purchase))
    if own is None:
        quote = _public(store, provider, item, region, purchase, term)
        return _capped(quote, on_demand.price) if on_demand is not None else quote
    if own.unit != "hour":
        raise InputError(f"{item} is billed by the hour, not by {own.unit}", place=own.place)
    if purchase is not Purchase.SPOT:
        return quote_of(own)
    return quote_of(own, hourly(store, provider, item, region, Purchase.ON_DEMAND).amount)


def _capped(quote: Quote, on_demand: Decimal) -> Quote:
    """A public spot price where on-demand has a price of one's own: that is the most it costs."""
    if quote.purchase is not Purchase.SPOT or quote.amount is None:
        return quote
    amount = min(quote.amount, on_demand)
    return replace(quote, amount=amount, low=amount, high=on_demand)


def _public(store: Store, provider: str, item: str, region: str, purchase: Purchase, term: str = "") -> Quote:
    if purchase is Purchase.RESERVED:
        return reserved(store, provider, item, region, term)
    if purchase is Purchase.CAPACITY_BLOCK:
        return capacity_block(store, provider, item, region)
    row = store.listed(provider, item).get(region)
    price = store.price(row) if row else None
    if price is None or not price.own or _amount(price, purchase) is None:
        rule = store.availability(provider, item, purchase)
        if rule is not None:
            return no_price(provider, item, region, purchase, rule.reason, rule.note, rule.source)
    if row is None or not row.get("layer"):
        covering = store.covering(provider, item, region)
        if covering is not None:
            note = f"not in the provider's price list of {region}"
            return no_price(provider, item, region, purchase, NoPrice.NOT_OFFERED_IN_REGION, note, covering)
    if price is not None and _amount(price, purchase) is not None:
        return _listed(provider, item, region, purchase, price)
    return (
        _by_parts(store, provider, item, region, purchase)
        or _managed(store, provider, item, region, purchase)
        or _by_family(store, provider, item, region, purchase)
        or _missing(store, provider, item, region, purchase, price)
    )


def no_price(
    provider: str,
    item: str,
    region: str | None,
    purchase: Purchase,
    reason: NoPrice,
    note: str,
    source: Source | None = None,
    unit: str = "hour",
) -> Quote:
    """A quote that says why there is no amount."""
    where, as_of = (source.where, source.as_of) if source else ("", "")
    return Quote(provider, item, region, purchase, unit, None, where, as_of, reason=reason, note=note)


def _amount(price: Price, purchase: Purchase) -> Decimal | None:
    return price.spot if purchase is Purchase.SPOT else price.on_demand


def _listed(provider: str, item: str, region: str, purchase: Purchase, price: Price) -> Quote:
    if purchase is Purchase.SPOT and price.spot is not None:
        derived = price.derived and f"derived: {price.derived}"
        return _spot(provider, item, region, price.spot, price.on_demand, price.spot_source, price, derived)
    note = _join(price.derived and f"derived: {price.derived}", price.note, _weakness(price.source))
    return Quote(
        provider,
        item,
        region,
        purchase,
        price.unit,
        price.on_demand,
        price.source.where,
        price.source.as_of,
        currency=price.currency,
        derived=bool(price.derived),
        note=note,
    )


def _spot(
    provider: str,
    item: str,
    region: str,
    figure: Decimal,
    on_demand: Decimal | None,
    source: Source,
    price: Price,
    derived: str = "",
) -> Quote:
    """A spot price: never a bare figure. It moves daily and published tables disagree by 45%, so it is a range
    from the figure of one day up to on-demand, which is what capacity costs when spot has run out."""
    high = on_demand if on_demand is not None else figure
    amount = min(figure, high)
    note = f"spot as of {source.as_of}; it moves daily, at most up to on-demand"
    if figure >= high:
        note = f"spot as of {source.as_of} equals on-demand: no spare capacity that day"
    return Quote(
        provider,
        item,
        region,
        Purchase.SPOT,
        price.unit,
        amount,
        source.where,
        source.as_of,
        currency=price.currency,
        low=amount,
        high=high,
        derived=bool(derived),
        note=_join(note, derived, price.note),
    )


def _by_parts(store: Store, provider: str, item: str, region: str, purchase: Purchase) -> Quote | None:
    """An item that is priced as so many parts of another (a TPU slice in chips)."""
    bundle = store.bundle(provider, item)
    if bundle is None:
        return None
    part, count = bundle
    quote = hourly(store, provider, part, region, purchase)
    return Quote(
        provider,
        item,
        region,
        purchase,
        quote.unit,
        None if quote.amount is None else quote.amount * count,
        quote.source,
        quote.as_of,
        currency=quote.currency,
        low=None if quote.low is None else quote.low * count,
        high=None if quote.high is None else quote.high * count,
        derived=True,
        reason=quote.reason,
        note=_join(f"{count:f} × {part}", quote.note),
        private=quote.private,
    )


def _by_family(store: Store, provider: str, item: str, region: str, purchase: Purchase) -> Quote | None:
    """A size that is not listed in the region: its home price × the family's regional factor (families.csv), which is
    that of the reference size, or of another size that the region lists."""
    store = store.published
    family = family_of(provider, item)
    rule_row = store.family(provider, family)
    if rule_row is None or item.startswith("ml."):
        return None
    reference = rule_row["reference"]
    listed = store.listed(provider, reference)
    if region not in listed and rule_row.get("complete", "yes") == "yes":
        if not store.regions(provider)[region]:
            return None
        note = f"the {family} family is not sold in {region}"
        return no_price(
            provider, item, region, purchase, NoPrice.NOT_OFFERED_IN_REGION, note, store.price(listed[HOME]).source
        )
    if region not in listed:
        other = _sister(store, provider, reference, region)
        if other is None:
            return None
        reference, listed = other, store.listed(provider, other)
    own_row = store.listed(provider, item).get(HOME)
    if own_row is None or HOME not in listed:
        return None
    here, home, own = store.price(listed[region]), store.price(listed[HOME]), store.price(own_row)
    if here.on_demand is None or not home.on_demand or own.on_demand is None:
        return None
    on_demand = _micro(own.on_demand * here.on_demand / home.on_demand)
    factor = (here.on_demand / home.on_demand).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    rule = f"derived: {own.on_demand:f} in {HOME} × {factor:f}, the factor of {reference} in {region}"
    if purchase is Purchase.SPOT:
        if here.spot is None:
            return None
        share = (here.spot / here.on_demand).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
        figure = _micro(on_demand * here.spot / here.on_demand)
        rule = f"derived: on-demand {on_demand:f} × {share:f}, the spot share of {reference}"
        return _spot(provider, item, region, figure, on_demand, here.spot_source, here, rule)
    return Quote(
        provider,
        item,
        region,
        purchase,
        own.unit,
        on_demand,
        here.source.where,
        min(here.source.as_of, own.source.as_of),
        currency=own.currency,
        derived=True,
        note=rule,
    )


def _sister(store: Store, provider: str, reference: str, region: str) -> str | None:
    """Another size of the reference's family that the region lists, and the home region too."""
    family, group = family_of(provider, reference), group_of(provider, reference)
    for other, rows in store.prices(provider, group or "").items():
        if family_of(provider, other) == family and region in rows and HOME in rows:
            return other
    return None


def _managed(store: Store, provider: str, item: str, region: str, purchase: Purchase) -> Quote | None:
    """A SageMaker instance without a figure of its own here: it keeps its mark-up over the EC2 type behind it."""
    if not (provider == "aws" and item.startswith("ml.") and purchase is Purchase.ON_DEMAND):
        return None
    store = store.published
    behind = item.removeprefix("ml.")
    here = hourly(store, provider, behind, region, purchase)
    if here.amount is None:
        return None if here.reason is NoPrice.UNPRICED else _renamed(here, item)
    for other, row in store.listed(provider, item).items():
        there = hourly(store, provider, behind, other, purchase)
        price = store.price(row)
        if there.amount and price.on_demand:
            return Quote(
                provider,
                item,
                region,
                purchase,
                price.unit,
                _micro(price.on_demand * here.amount / there.amount),
                price.source.where,
                min(price.source.as_of, here.as_of),
                currency=price.currency,
                derived=True,
                note=_join(
                    f"derived: {price.on_demand:f} in {other}, with the same mark-up over {behind} in {region}",
                    _weakness(price.source),
                    price.note,
                ),
            )
    markups, family = store.markups(provider), family_of(provider, item)
    markup = markups.get((family, item.rpartition(".")[2])) or markups.get((family, "*"))
    if markup is None:
        return None
    factor, source = Decimal(markup["factor"]), store.source(markup["source"])
    return Quote(
        provider,
        item,
        region,
        purchase,
        here.unit,
        _micro(here.amount * factor),
        source.where,
        min(source.as_of, here.as_of),
        currency=here.currency,
        derived=True,
        note=_join(
            f"derived: {here.amount:f} of {behind} × {factor:f}, the mark-up of listed {family} sizes",
            _weakness(source),
        ),
    )


def _missing(store: Store, provider: str, item: str, region: str, purchase: Purchase, price: Price | None) -> Quote:
    listed = store.listed(provider, item)
    if provider == "aws" and item.startswith("ml.") and purchase is Purchase.SPOT:
        note = "SageMaker publishes no spot rates; managed spot training is settled after the run"
        return no_price(provider, item, region, purchase, NoPrice.UNPRICED, note)
    if price is not None:
        note = f"no {'spot figure' if purchase is Purchase.SPOT else 'price'} is published for this region"
        return no_price(provider, item, region, purchase, NoPrice.UNPRICED, note, price.source)
    for other, row in listed.items():
        source = store.price(row).source
        if row.get("coverage") == "every region" and store.regions(provider)[region]:
            note = f"not in the provider's price list of {region}"
            return no_price(provider, item, region, purchase, NoPrice.NOT_OFFERED_IN_REGION, note, source)
        note = f"no price of {region} is in the catalogue ({other}: {row['on_demand']} {row['currency']} an hour)"
        return no_price(provider, item, region, purchase, NoPrice.UNPRICED, note, source)
    return no_price(provider, item, region, purchase, NoPrice.UNPRICED, "the catalogue has none")


def _renamed(quote: Quote, item: str) -> Quote:
    return Quote(
        quote.provider,
        item,
        quote.region,
        quote.purchase,
        quote.unit,
        quote.amount,
        quote.source,
        quote.as_of,
        reason=quote.reason,
        note=quote.note,
    )


def _micro(amount: Decimal) -> Decimal:
    return amount.quantize(_MICRO, ROUND_HALF_EVEN).normalize()


def _weakness(source: Source) -> str:
    return "weak source" if source.strength == "weak" else ""


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)

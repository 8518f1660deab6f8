"""Writing the report and the invoices into the folder of an allocation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.allocated import currency_of, open_allocated, rows, sum_up, table_in
from spendgate.allocate.budget.report import FILE as BUDGETS
from spendgate.allocate.output import FOLDER
from spendgate.allocate.report.figures import Months, figures
from spendgate.allocate.report.files import OURS, page_name
from spendgate.allocate.report.invoice_page import render_invoice
from spendgate.allocate.report.invoices import Invoice, Sums, invoices
from spendgate.allocate.report.page import render
from spendgate.allocate.report.shown import Report
from spendgate.errors import InputError
from spendgate.writing import write_whole

REPORT: Final = "report.html"
INDEX: Final = "invoices.json"


def write_report(
    connection: Any,
    folder: Path,
    summary: Mapping[str, Any],
    previous: Path | None = None,
    kpis: Sequence[Mapping[str, Any]] = (),
    budgets: Mapping[str, Any] | None = None,
    into: Path | None = None,
) -> Path:
    """Write ``report.html`` and ``invoices/`` of the table in ``folder``, beside it or ``into`` another folder; the
    path of the report.

    ``previous`` is an earlier allocation (folder or file) to compare with, ``budgets`` what ``budgets.json`` has.
    Raises InputError where the earlier allocation is none, or in another currency.
    """
    into = folder if into is None else into
    columns = open_allocated(connection, folder)
    sum_up(connection)
    if previous is not None:
        open_allocated(connection, previous, "earlier")
        was = currency_of(connection, "earlier")
        if was != summary["currency"]:
            raise InputError(
                f"the earlier allocation is in {was}, this one in {summary['currency']}",
                place=previous,
                remedy="Amounts of two currencies cannot be compared.",
            )
    (span,) = rows(connection, "SELECT min(month) AS first, max(month) AS last, count(DISTINCT month) AS n FROM cube")
    currency = str(summary["currency"])
    made, sums = invoices(connection, currency)
    period = list(dict.fromkeys((span["first"], span["last"])))
    shown = {**summary, "period": period, "months": span["n"], "table": table_in(folder)}
    pages = [page_name(invoice.team) for invoice in made if invoice.page]
    gone = gone_pages(folder, pages) if into == folder else ()
    found = figures(connection, previous is not None)
    _write_invoices(into, made, sums, " to ".join(period), currency, table_in(folder), found.months)
    for page in gone:
        (folder / page).unlink(missing_ok=True)
    report = Report(shown, found, made, sums, kpis, budgets, columns)
    write_whole(into / REPORT, render(report))
    return into / REPORT


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary that an allocation wrote. Raises InputError where there is none, or it is something else."""
    file = folder / "summary.json"
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if {"billed", "allocated", "unallocated", "unowned", "reconciles", "currency"} <= set(found):
            return found
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=file) from None
    except (ValueError, TypeError):
        pass
    raise InputError("this is no summary of an allocation", place=file, remedy="Allocate again.")


def gone_pages(folder: Path, kept: Iterable[str]) -> tuple[str, ...]:
    """The invoices in ``folder`` that an earlier run wrote, and that are not among the ``kept`` pages."""
    return tuple(f"{FOLDER}/{page}" for page in sorted(_listed(folder / FOLDER / INDEX) - set(kept)))


def pages_gone(folder: Path, new: Path) -> tuple[str, ...]:
    """As ``gone_pages``, of a folder that is about to be replaced by a new one."""
    return gone_pages(folder, _listed(new / FOLDER / INDEX))


def files_gone(folder: Path, new: Path) -> tuple[str, ...]:
    """What of an earlier run would tell of other lines than the new ones: invoices, and budgets held against them."""
    stale = [BUDGETS] if (folder / BUDGETS).exists() and not (new / BUDGETS).exists() else []
    return (*pages_gone(folder, new), *stale)


def _write_invoices(
    folder: Path,
    made: Sequence[Invoice],
    sums: Sums,
    period: str,
    currency: str,
    table: str,
    months: Months,
) -> None:
    """A page for each of the largest teams, and the list of all."""
    folder = folder / FOLDER
    files = {invoice.team: page_name(invoice.team) for invoice in made if invoice.page}
    for invoice in made:
        if invoice.page:
            write_whole(folder / files[invoice.team], render_invoice(invoice, period, currency, table, months))
    others = sums.others
    data = {
        "currency": currency,
        "period": period,
        "billed_cents": sums.billed,
        "invoiced_cents": sums.invoiced,
        "disputed_cents": sums.disputed,
        "no_team_cents": sums.no_team,
        "unallocated_cents": sums.unallocated,
        "invoices": [
            {
                "team": invoice.team,
                "file": files.get(invoice.team),
                "cents": invoice.cents,
                "exact": f"{invoice.cost:f}",
            }
            for invoice in made
        ],
        "others": others and {"teams": others.teams, "cents": others.cents, "exact": f"{others.cost:f}"},
    }
    write_whole(folder / INDEX, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def _listed(index: Path) -> set[str]:
    """The pages that an earlier run wrote."""
    try:
        found = json.loads(index.read_text(encoding="utf-8"))["invoices"]
        return {str(one["file"]) for one in found if OURS.fullmatch(str(one["file"]))}
    except (OSError, ValueError, KeyError, TypeError):
        return set()

"""Writing the report and the invoices into the folder of an allocation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from spendgate.allocate.allocated import currency_of, open_allocated, rows, sum_up, table_in
from spendgate.allocate.report.figures import figures
from spendgate.allocate.report.files import OURS, page_name
from spendgate.allocate.report.invoice_page import render_invoice
from spendgate.allocate.report.invoices import Invoice, Sums, invoices
from spendgate.allocate.report.page import render
from spendgate.allocate.report.shown import Report
from spendgate.errors import InputError
from spendgate.writing import write_whole

REPORT: Final = "report.html"
FOLDER: Final = "invoices"
INDEX: Final = "invoices.json"


def write_report(
    connection: Any,
    folder: Path,
    summary: Mapping[str, Any],
    previous: Path | None = None,
    kpis: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write ``report.html`` and ``invoices/`` beside the table in ``folder``; the path of the report.

    ``previous`` is an earlier allocation (folder or file) to compare with. Raises InputError where it is none, or in
    another currency.
    """
    open_allocated(connection, folder)
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
    _write_invoices(folder, made, sums, " to ".join(period), currency)
    report = Report(shown, figures(connection, previous is not None), made, sums, kpis)
    write_whole(folder / REPORT, render(report))
    return folder / REPORT


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


def _write_invoices(folder: Path, made: Sequence[Invoice], sums: Sums, period: str, currency: str) -> None:
    """A page for each team; pages of an earlier run whose team is gone are removed, and no other file is."""
    table, folder = table_in(folder), folder / FOLDER
    index = folder / INDEX
    pages = {page_name(invoice.team): invoice for invoice in made}
    for old in _listed(index) - set(pages):
        (folder / old).unlink(missing_ok=True)
    for file, invoice in pages.items():
        write_whole(folder / file, render_invoice(invoice, period, currency, table))
    listed = [
        {"team": invoice.team, "file": file, "cents": invoice.cents, "exact": f"{invoice.cost:f}"}
        for file, invoice in pages.items()
    ]
    data = {
        "currency": currency,
        "period": period,
        "billed_cents": sums.billed,
        "invoiced_cents": sums.invoiced,
        "disputed_cents": sums.disputed,
        "no_team_cents": sums.no_team,
        "unallocated_cents": sums.unallocated,
        "invoices": listed,
    }
    write_whole(index, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def _listed(index: Path) -> set[str]:
    """The pages that an earlier run wrote."""
    try:
        found = json.loads(index.read_text(encoding="utf-8"))["invoices"]
        return {str(one["file"]) for one in found if OURS.fullmatch(str(one["file"]))}
    except (OSError, ValueError, KeyError, TypeError):
        return set()

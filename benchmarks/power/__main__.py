"""The command: `python -m benchmarks.power [--checkers ours,jax] [--dtype float64] [--write]`."""

import argparse
from pathlib import Path

from benchmarks.power.checkers import CHECKERS
from benchmarks.power.naming import bugs, namings
from benchmarks.power.naming_table import naming_page
from benchmarks.power.outside import OUTSIDE
from benchmarks.power.runner import DTYPES, chosen, misses, run
from benchmarks.power.table import missed, page, table

DOCS = Path(__file__).parents[2] / "docs"
ONLY = ("power", "diagnosis")


def main() -> None:
    """Runs what is asked for and prints it."""
    options = _parsed()
    if options.only in ("", "power"):
        _power(options)
    if options.only in ("", "diagnosis"):
        _diagnosis(options)


def _power(options: argparse.Namespace) -> None:
    outcomes = []
    for dtype in options.dtype:
        cases = list(chosen(dtype, options.families))
        measured = run(options.checkers, cases, dtype, options.seed, options.jobs)
        outcomes += measured
        print(f"\n{dtype}\n\n{table(measured, dtype)}\n\n{missed(misses(measured))}", flush=True)
    if options.write:
        text = page(outcomes, options.dtype, options.seed)
        (DOCS / "power.md").write_text(text, encoding="utf-8")


def _diagnosis(options: argparse.Namespace) -> None:
    measured = {}
    for dtype in (d for d in options.dtype if d != "half"):
        cases = list(bugs(list(chosen(dtype, options.families))))
        measured[dtype] = namings(cases, dtype, options.seed, options.jobs)
    outside = [c for c in OUTSIDE if not options.families or c.family in options.families]
    told = namings(outside, "float64", options.seed, options.jobs)
    text = naming_page(measured, told, options.seed)
    print(text)
    if options.write:
        (DOCS / "diagnosis.md").write_text(text, encoding="utf-8")


def _parsed() -> argparse.Namespace:
    known = {checker.name: checker for checker in CHECKERS}
    installed = [name for name, checker in known.items() if checker.installed]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.power", description=__doc__)
    parser.add_argument("--only", default="", choices=("", *ONLY), help="; ".join(ONLY))
    parser.add_argument("--checkers", default=",".join(installed), help=", ".join(known))
    parser.add_argument("--dtype", default=",".join(DTYPES), help=", ".join(DTYPES))
    parser.add_argument("--families", default="", help="names with commas; all without")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write power.md, diagnosis.md")
    options = parser.parse_args()
    for name, values in (("checkers", known), ("dtype", DTYPES)):
        chosen_names = [part for part in getattr(options, name).split(",") if part]
        if unknown := set(chosen_names) - set(values):
            parser.error(f"unknown {name}: {', '.join(sorted(unknown))}")
        setattr(options, name, chosen_names)
    options.checkers = [known[name] for name in options.checkers]
    options.families = [part for part in options.families.split(",") if part]
    return options


if __name__ == "__main__":
    main()

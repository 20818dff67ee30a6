"""The style sheet of the documentation page: two palettes, one column, wide tables that scroll by themselves."""

from __future__ import annotations

__all__ = ["CSS"]

CSS = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #556070; --paper: #fff; --panel: #f4f6f8; --line: #d5dbe2;
  --link: #0b5cad; --get: #0a6b4b; --post: #0b5cad; --patch: #8a5200; --delete: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ef; --soft: #a3adba; --paper: #12161c; --panel: #1b212a; --line: #333c48;
    --link: #7db8f5; --get: #6fd3a8; --post: #7db8f5; --patch: #f0b866; --delete: #ff9b93; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0.5rem 0 0; } h1 small { color: var(--soft); font-size: 1rem; font-weight: 400; }
h2 { border-bottom: 1px solid var(--line); font-size: 1.25rem; margin: 2.5rem 0 0.75rem; padding-bottom: 0.3rem; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 0.5rem; } h4 { font-size: 0.95rem; margin: 1.25rem 0 0.4rem; }
p { margin: 0.5rem 0; max-width: 46rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { background: var(--paper); left: 1rem; padding: 0.5rem; top: 1rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; list-style: none; margin: 1rem 0; padding: 0; }
nav a { display: inline-block; padding: 0.25rem 0; }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; } code { overflow-wrap: anywhere; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; margin: 0.5rem 0; overflow-x: auto;
  padding: 0.75rem; }
.operation { border: 1px solid var(--line); border-radius: 6px; margin: 0.5rem 0; padding: 0 0.9rem; }
.operation[open] { padding-bottom: 0.9rem; }
summary { align-items: baseline; cursor: pointer; display: flex; flex-wrap: wrap; gap: 0.2rem 0.75rem;
  margin: 0 -0.9rem; padding: 0.6rem 0.9rem; }
summary:hover { background: var(--panel); }
.method { font: 700 0.8rem/1.5 ui-monospace, monospace; min-width: 3.6rem; } .what { color: var(--soft); }
.get { color: var(--get); } .post { color: var(--post); } .patch, .put { color: var(--patch); }
.delete { color: var(--delete); }
.path var { font-style: italic; }
.refused { color: var(--soft); font-size: 0.875rem; max-width: none; }
.refused strong { color: var(--ink); margin-left: 0.4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: 0.4rem 0.9rem 0.4rem 0; text-align: left; vertical-align: top; }
th { color: var(--soft); font-size: 0.85rem; font-weight: 600; } td em { color: var(--delete); font-size: 0.8rem; }
tr:target td, .shape:target h3 { background: var(--panel); }
@media print { .operation { break-inside: avoid; } nav, .skip { display: none; } }
"""

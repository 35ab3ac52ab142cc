// Text with LaTeX as MathML, which browsers draw themselves; what KaTeX cannot read stays as it was typed.

import { h } from "view/dom";

// $…$ as Pandoc reads it, so that prices are no formulas: nothing blank inside the signs, no digit behind them.
const FORMULA = /\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|\$(?=\S)((?:\\.|[^$\\])+?)(?<=\S)\$(?!\d)/g;
const ENVIRONMENT = /^\\begin\{(align|equation|gather|multline)\*?\}/;

export function rendered(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(FORMULA)) {
    const display = found[1] ?? found[2];
    parts.push(text.slice(at, found.index), formula(display ?? found[3] ?? found[4], display !== undefined, found[0]));
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)];
}

function formula(source, display, typed) {
  const place = h("span", { class: display ? "formula display" : "formula", title: typed });
  try {
    const options = { output: "mathml", displayMode: display || ENVIRONMENT.test(source), throwOnError: true };
    window.katex.render(source, place, { ...options, trust: false, strict: "ignore", maxSize: 20, maxExpand: 500 });
  } catch {
    return typed;
  }
  return place;
}

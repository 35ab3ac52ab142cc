// The report's tables, and a live one: every cell filters the list to what it counts.

import { fill, h } from "view/dom";
import { go } from "view/state";

const cellButton = (text, onclick, facts = {}) => h("button", { type: "button", onclick, ...facts }, text);

export function draw(place, tables, columnsOf) {
  fill(place, tables.map((table) => drawn(table, (counts) => pick(counts, columnsOf, table.run))));
}

function pick({ benchmark, arm, marks }, columnsOf, run) {
  const column = columnsOf(benchmark).find((one) => one.arm === arm && one.run === run);
  go({ b: benchmark, f: marks === "disputed" || !column ? marks : `${column.key}:${marks}`, q: "", p: "", s: "" });
}

function drawn(table, onpick) {
  const side = (i) => ({ class: i < table.keys ? "key" : null });
  const cell = ({ text, counts }, i) => h("td", side(i), counts ? cellButton(text, () => onpick(counts)) : text);
  return h("figure", { class: "table" },
    h("figcaption", {}, table.title),
    h("div", { class: "wide" }, h("table", {},
      h("thead", {}, h("tr", {}, table.header.map((name, i) => h("th", side(i), name)))),
      h("tbody", {}, table.rows.map((row) => h("tr", {}, row.map(cell)))))),
    table.note.split("\n").map((line) => h("p", { class: "note" }, line)));
}

// What became of the samples that are there now: a row a column, a number a letter.
export function live(rows, view, onpick) {
  const occurs = (mark) => rows.some((row) => row.marks.some((marks) => marks.includes(mark)));
  const letters = Object.keys(view.marks).filter((mark) => mark !== " " && occurs(mark));
  const count = (mark, c) => rows.reduce((sum, row) => sum + row.marks[c].split(mark).length - 1, 0);
  const number = (mark, c) =>
    h("td", {}, cellButton(String(count(mark, c)), () => onpick(`${view.columns[c].key}:${mark}`), { "data-cell": `${view.columns[c].key}:${mark}` }));
  return h("div", { class: "wide" }, h("table", { class: "live" },
    h("thead", {}, h("tr", {}, h("th", { class: "key" }, "samples"),
      letters.map((mark) => h("th", {}, h("i", { class: `m-${mark}` }), ` ${view.marks[mark]}`)))),
    h("tbody", {}, view.columns.map((column, c) => h("tr", {},
      h("td", { class: "key", title: column.told }, column.label),
      letters.map((mark) => number(mark, c)))))));
}

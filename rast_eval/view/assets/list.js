// The list of problems: a row of dots an arm. Only rows in sight are elements, so a list of any length scrolls.

import { gain, share } from "view/choose";
import { button, fill, h, percent } from "view/dom";
import { go, link } from "view/state";

const TITLE = 24;
const LINE = 13;

export function dots(marks, names, onpick = null, chosen = -1) {
  const counted = `${[...marks].filter((mark) => "rk".includes(mark)).length} right of ${marks.trim().length}`;
  return h("span", { class: "dots", role: "img", "aria-label": counted }, [...marks].map((mark, s) =>
    h("i", {
      class: `m-${mark === " " ? "none" : mark}${s === chosen ? " chosen" : ""}`,
      title: `sample ${s}: ${names[mark]}`,
      ...(onpick ? { onclick: () => onpick(s) } : {}),
    })));
}

export class List {
  constructor(place) {
    this.scroller = h("div", { class: "scroller", tabindex: "0" });
    this.inside = h("div", { class: "inside" });
    this.scroller.append(this.inside);
    this.scroller.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    place.append(this.scroller);
    this.rows = [];
  }

  show(rows, view, current) {
    Object.assign(this, { rows, view, current });
    this.height = TITLE + LINE * view.columns.length + 8;
    this.inside.style.height = `${this.height * rows.length}px`;
    this.draw();
  }

  // Bring the current row into sight.
  reveal() {
    const at = this.rows.findIndex((row) => row.id === this.current) * this.height;
    const { scrollTop, clientHeight } = this.scroller;
    if (at >= 0 && (at < scrollTop || at + this.height > scrollTop + clientHeight))
      this.scroller.scrollTop = Math.max(0, at - clientHeight / 3);
  }

  draw() {
    if (!this.view) return;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.height) - 3);
    const last = first + Math.ceil((this.scroller.clientHeight || 800) / this.height) + 6;
    const shown = this.rows.slice(first, last).map((row, i) => this.row(row, first + i));
    fill(this.inside, shown.length || this.rows.length ? shown : h("p", { class: "empty" }, "No problem is left."));
  }

  row(row, place) {
    const { view, current } = this;
    const moved = gain(row, view.x, view.y);
    const told = Number.isNaN(moved) ? "" : `${moved > 0 ? "+" : ""}${Math.round(100 * moved)}`;
    return h("a", {
      class: row.id === current ? "row current" : "row",
      href: link({ p: row.id, s: "" }),
      "data-id": row.id,
      style: { top: `${place * this.height}px`, height: `${this.height}px` },
    },
    h("span", { class: "name" }, h("b", {}, row.id), h("span", { class: "question" }, row.question),
      h("span", { class: moved > 0 ? "gain up" : moved < 0 ? "gain down" : "gain", title: "gain in points" }, told)),
    view.columns.map((column, c) => h("span", { class: "arm", style: { "--arm": column.color } },
      h("span", { class: "label", title: column.label }, column.label),
      dots(row.marks[c], view.marks),
      h("span", { class: "share" }, percent(share(row.marks[c]))))));
  }
}

export function controls(view, state, filters, names, counts) {
  const active = new Set(filters);
  const toggled = (filter) => [...(active.has(filter) ? filters.filter((f) => f !== filter) : [...filters, filter])];
  const known = Object.keys(names).map((filter) =>
    button(names[filter][0], () => go({ f: toggled(filter).join("+") }), {
      class: "filter", "aria-pressed": String(active.has(filter)), title: names[filter][1], "data-filter": filter,
    }));
  const further = filters.filter((filter) => !names[filter]).map((filter) =>
    button(`${counts.name(filter)} ×`, () => go({ f: toggled(filter).join("+") }), { class: "filter", "aria-pressed": "true" }));
  const choice = (key, value) => h("select", { "aria-label": key === "x" ? "compared from" : "compared to", onchange: (event) => go({ [key]: event.target.value }) },
    view.columns.map((column, c) => h("option", { value: c, selected: c === value }, column.label)));
  const sort = h("select", { "aria-label": "order", onchange: (event) => go({ sort: event.target.value }) },
    [["", "in order"], ["gain", "largest gain first"], ["loss", "largest loss first"]].map(([value, text]) =>
      h("option", { value, selected: value === state.sort }, text)));
  return [
    h("div", { class: "line" }, choice("x", view.x), "→", choice("y", view.y), sort),
    h("div", { class: "line" }, known, further),
    h("p", { class: "count", role: "status" }, counts.text),
  ];
}

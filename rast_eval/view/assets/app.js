// Puts the page together: one overview, one list, one problem; the address says which.

import { chosen, name, titles } from "view/choose";
import * as detail from "view/detail";
import { button, fill, h } from "view/dom";
import { controls, List } from "view/list";
import { live, overview, rows, search, tables } from "view/source";
import { filters, go, read } from "view/state";
import * as table from "view/tables";

const POLL = 4000; // milliseconds between two looks at a growing run

const top = document.getElementById("top");
const place = document.getElementById("list");
const detailPlace = document.getElementById("detail");
const bar = h("div", { class: "bar" });
const notes = h("div", { class: "notes" });
const counted = h("div", {});
const report = h("div", { class: "report" });
const searchBox = h("input", { type: "search", placeholder: "search (regular expression)   /", "aria-label": "search" });
const control = h("div", { class: "controls" });
top.append(bar, notes, h("details", { class: "tables" }, h("summary", {}, "tables"), counted, report));
place.append(h("div", { class: "controls" }, searchBox), control);
const list = new List(place);

let known; // the overview
let held = { b: null, version: null }; // the list that is loaded
let found = { q: "", b: "" }; // what the last search found
let shown = []; // rows that the filters leave
let opened = "";

function viewOf(state) {
  const b = known.benchmarks[state.b] ? state.b : Object.keys(known.benchmarks)[0];
  const columns = known.benchmarks[b];
  const of = (role) => columns.flatMap((column, c) => (column.role === role ? [c] : []));
  const most = (places) => places.sort((a, c) => columns[c].n - columns[a].n)[0];
  const rast = of("rast");
  const last = columns.length - 1;
  const pair = known.runs.length > 1 && rast.length > 1 ? rast : [most(of("base")) ?? 0, rast[0] ?? last];
  const asked = (text, fallback) => (text !== "" && columns[Number(text)] ? Number(text) : fallback);
  return { b, columns, marks: known.marks, x: asked(state.x, pair[0]), y: asked(state.y, pair[1]) };
}

async function draw() {
  const state = read();
  const view = viewOf(state);
  if (held.b !== view.b || held.version !== known.version)
    held = { b: view.b, version: known.version, ...(await rows(view.b)) };
  await look(state, view);
  const active = filters(state);
  shown = chosen(held.rows, active, found.ids, state.sort, view);
  fill(bar, heading(view));
  fill(notes, known.runs.flatMap((run) => run.notes).concat(held.lack || []).map((note) => h("p", { class: "lack" }, note)));
  fill(counted, table.live(held.rows, view, (f) => go({ f })));
  fill(control, controls(view, state, active, titles(view), {
    name: (filter) => name(filter, view, known.marks),
    text: `${shown.length} of ${held.rows.length} problems${found.told}`,
  }));
  if (document.activeElement !== searchBox) searchBox.value = state.q;
  list.show(shown, view, state.p);
  if (state.p !== opened) list.reveal();
  opened = state.p;
  document.body.classList.toggle("reading", state.p !== "");
  const row = held.rows.find((one) => one.id === state.p);
  if (row) await detail.draw(detailPlace, view, row, state);
  else fill(detailPlace, state.p ? h("p", { class: "lack" }, `${view.b} has no problem ${state.p} here.`) : help());
}

function heading(view) {
  const names = known.runs.map((run, i) => `${known.runs.length > 1 ? `${"AB"[i]}: ` : ""}${run.name}${run.status && run.status !== "complete" ? ` (${run.status})` : ""}`);
  return [
    h("h1", {}, names.join(" | ")),
    h("nav", {}, Object.keys(known.benchmarks).map((b) =>
      button(b, () => go({ b, p: "", s: "", f: "", x: "", y: "" }), { "aria-pressed": String(b === view.b) }))),
  ];
}

const help = () => [
  h("p", { class: "empty" }, "j k or ↓ ↑ the next problem · ← → the next sample · / search · m formulas as typed · Esc back"),
  h("p", { class: "empty dots legend" }, Object.entries(known.marks).filter(([mark]) => mark !== " ")
    .map(([mark, name]) => h("span", {}, h("i", { class: `m-${mark}` }), ` ${name}`))),
];

async function look(state, view) {
  if (found.q === state.q && found.b === view.b && (!state.q || found.version === known.version)) return;
  found = { q: state.q, b: view.b, version: known.version, ids: null, told: "" };
  if (!state.q) return;
  try {
    const { questions, samples, more } = await search(view.b, state.q);
    found.ids = new Set([...questions, ...samples.map(([, p]) => p)]);
    found.told = `; ${samples.length}${more ? " or more" : ""} samples and ${questions.length} questions match`;
  } catch (error) {
    found.ids = new Set();
    found.told = `; ${error.message}`;
  }
}

function step(by) {
  const state = read();
  const at = shown.findIndex((row) => row.id === state.p);
  const row = shown[at < 0 ? (by > 0 ? 0 : shown.length - 1) : Math.min(Math.max(at + by, 0), shown.length - 1)];
  if (row) go({ p: row.id, s: "" }, { replace: true });
}

function stepSample(by) {
  const state = read();
  if (!state.p) return;
  const view = viewOf(state);
  const most = Math.max(...view.columns.map((column) => column.n));
  const now = detail.chosenSamples(view, state.s);
  const next = Math.min(Math.max(Math.max(...now) + by, 0), most - 1);
  go({ s: String(next) }, { replace: true });
}

const KEYS = {
  j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
  ArrowRight: () => stepSample(1), ArrowLeft: () => stepSample(-1),
  "/": () => {
    if (getComputedStyle(place).display === "none") go({ p: "" }, { replace: true });
    searchBox.focus();
  },
  m: () => (detail.toggleTyped(), draw()),
  Escape: () => (go({ p: "", s: "" }), searchBox.blur()),
};

document.addEventListener("keydown", (event) => {
  const typing = /INPUT|SELECT|TEXTAREA/.test(document.activeElement?.tagName ?? "");
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
  event.preventDefault();
  act();
});

let waiting;
searchBox.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => go({ q: searchBox.value }, { replace: true }), 250);
});

window.addEventListener("hashchange", () => draw().catch(failed));

function failed(error) {
  fill(notes, h("p", { class: "lack" }, `${error.message}`));
}

async function poll() {
  try {
    const now = await overview();
    if (now.version !== known.version) {
      known = now;
      await draw();
    }
  } catch (error) {
    failed(error);
  }
}

async function start() {
  known = await overview();
  await draw();
  document.body.classList.add("ready");
  tables().then((made) => table.draw(report, made, (b) => known.benchmarks[b] ?? [])).catch(failed);
  if (live) setInterval(poll, POLL);
}

start().catch(failed);

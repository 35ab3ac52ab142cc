// One problem: its question, and a sample of every column beside each other.

import { differences } from "view/diff";
import { button, fill, h } from "view/dom";
import { dots } from "view/list";
import { rendered } from "view/maths";
import { microscope } from "view/microscope";
import { output, problem, sample } from "view/source";
import { go } from "view/state";

let typed = false; // formulas as they were typed
let drawing = 0;

export function toggleTyped() {
  typed = !typed;
}

// The sample of each column that the address names; one number stands for all.
export function chosenSamples(view, text) {
  const numbers = text.split(",").map((part) => Number.parseInt(part, 10) || 0);
  return view.columns.map((column, c) => Math.min(numbers[c] ?? numbers[0] ?? 0, column.n - 1));
}

export async function draw(place, view, row, state) {
  const own = ++drawing;
  const samples = chosenSamples(view, state.s);
  const there = (c) => (row.marks[c][samples[c]] ?? " ") !== " ";
  const [facts, ...found] = await Promise.all([
    problem(view.b, row.id),
    ...view.columns.map((_, c) => (there(c) ? sample(view.b, c, row.id, samples[c]) : null)),
  ]);
  if (own !== drawing) return; // another one was asked for meanwhile
  const compared = found.map((_, c) => compare(found, view, c));
  fill(place, head(view, row, facts), question(facts), picker(view, row, facts, samples),
    h("div", { class: "columns" }, found.map((one, c) => card(view, c, samples[c], one, facts, compared[c]))));
  place.scrollTop = 0;
}

function compare(found, view, c) {
  const other = c === view.x ? view.y : view.x;
  if (!found[c] || !found[other] || other === c) return null;
  const both = differences(output(found[other]), output(found[c]));
  return { at: both.at, equal: both.equal, ranges: both.ranges[1], whole: both.whole, label: view.columns[other].label };
}

function head(view, row, facts) {
  return h("div", { class: "line head" },
    button("‹ list", () => go({ p: "", s: "" }), { class: "back" }),
    h("h2", {}, `${view.b} / ${row.id}`),
    facts.differs && h("strong", { class: "lack" }, "The columns answered different questions under this id."));
}

function question(facts) {
  if (facts.lack) return h("p", { class: "lack" }, `Question and gold are not shown. ${facts.lack}`);
  const code = facts.kind === "code";
  const text = typed || code ? facts.question : rendered(facts.question);
  return h("section", { class: "question" },
    h("div", { class: code ? "text code" : "text" }, text),
    h("p", { class: "gold" }, facts.gold ? ["gold ", h("b", {}, typed ? facts.gold : rendered(`$${facts.gold}$`))] : "judged by its tests",
      code ? null : button(typed ? "render formulas" : "as typed", () => (toggleTyped(), refresh()), { class: "small", title: "m" })));
}

const refresh = () => window.dispatchEvent(new HashChangeEvent("hashchange"));

function picker(view, row, facts, samples) {
  const pick = (c) => (s) => go({ s: samples.map((old, i) => (i === c ? s : old)).join(",") });
  return h("section", { class: "picker" }, view.columns.map((column, c) => h("div", { class: "arm", style: { "--arm": column.color } },
    h("span", { class: "label" }, column.label),
    h("span", { class: "stack" }, dots(row.marks[c], view.marks, pick(c), samples[c]), votes(facts.votes[c])))));
}

// The class of each answer within its column, the most frequent first: a, b, c …; majority@k is the vote for a.
function votes(classes) {
  const counts = new Map();
  for (const vote of classes) if (vote !== null) counts.set(vote, (counts.get(vote) ?? 0) + 1);
  const order = [...counts].sort((a, b) => b[1] - a[1]).map(([vote]) => vote);
  const letter = (vote) => (vote === null ? "·" : String.fromCodePoint(97 + Math.min(order.indexOf(vote), 25)));
  return classes.length > 1 && counts.size > 0
    && h("span", { class: "votes", title: "answers that count as equal share a letter; a is the most frequent" }, classes.map((vote) => h("i", {}, letter(vote))));
}

function card(view, c, s, one, facts, compared) {
  const column = view.columns[c];
  const title = h("h3", {}, h("span", { class: "chip", style: { background: column.color } }), column.label,
    h("small", {}, ` sample ${s} of ${column.n}`));
  if (!one) return h("section", { class: "card" }, title, h("p", { class: "lack" }, "This sample is not there yet."));
  const { spans, grades, mark } = one;
  const judged = Object.entries(grades).map(([scorer, grade]) => h("div", {},
    h("b", { class: grade.correct ? "right" : "wrong" }, grade.correct ? "right" : grade.status === "ok" ? "wrong" : grade.status.replace("_", " ")),
    ` by ${scorer}: `, answer(grade.prediction)));
  return h("section", { class: "card", "data-column": c },
    title,
    h("p", { class: "facts" }, h("b", { class: "rk".includes(mark) ? "right" : "wrong" }, view.marks[mark]), ` · ${one.tokens_made} tokens · ${one.ended} · seed ${one.seed}`),
    judged,
    spans.word && h("p", { class: "facts" }, "graded up to the stop word ", h("code", {}, JSON.stringify(spans.word)), "; what follows it is struck through"),
    told(compared),
    h("div", { class: "output" }, marked(spans, compared)),
    one.microscope ? h("details", { class: "microscope" }, h("summary", {}, "the delta, token by token"), microscope(one.microscope)) : null,
    h("details", {}, h("summary", {}, "raw JSON"), h("pre", { class: "raw" }, `${one.raw.slice(0, -2)},\n "output": ${JSON.stringify(output(one))}\n}`)));
}

// A program is too long to stand in a line.
function answer(text) {
  return text.includes("\n")
    ? h("details", {}, h("summary", {}, "its program"), h("pre", { class: "raw" }, text))
    : h("code", {}, text || "no answer");
}

function told(compared) {
  if (!compared) return null;
  if (compared.equal) return h("p", { class: "facts" }, `the same text as ${compared.label}`);
  return h("p", { class: "facts" }, `first differs from ${compared.label} at character ${compared.at}`,
    compared.whole ? "; too different to align" : "; highlighted: what that one has not");
}

// The output in segments: its scorer's pieces, crossed with what the compared one does not have.
function marked(spans, compared) {
  const text = spans.before + spans.answer + spans.after + spans.dropped;
  const borders = [["before", spans.before], ["answer", spans.answer], ["after", spans.after], ["dropped", spans.dropped]];
  const ranges = compared?.ranges ?? [];
  const made = [];
  let at = 0;
  let r = 0;
  for (const [name, piece] of borders) {
    const end = at + piece.length;
    while (at < end) {
      while (r < ranges.length && ranges[r][1] <= at) r++;
      const inside = r < ranges.length && ranges[r][0] <= at;
      let next = Math.min(end, r < ranges.length ? (inside ? ranges[r][1] : ranges[r][0]) : end);
      if (compared && !compared.equal && compared.at > at && compared.at < next) next = compared.at;
      if (compared && !compared.equal && compared.at === at) made.push(h("span", { class: "split", title: "first difference" }));
      made.push(h("span", { class: `${name}${inside ? " differs" : ""}` }, text.slice(at, next)));
      at = next;
    }
  }
  return made;
}

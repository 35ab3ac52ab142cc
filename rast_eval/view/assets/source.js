// Where the data comes from: this page's server, or the page itself where it is a bundle.

const packed = document.getElementById("data").textContent;

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const bundle = packed ? unpack(packed) : null;

async function ask(name, asked = {}) {
  const answer = await fetch(`api/${name}?${new URLSearchParams(asked)}`);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

export const live = !packed;

export const overview = async () => (bundle ? (await bundle).overview : ask("overview"));
export const tables = async () => (bundle ? (await bundle).tables : ask("tables"));
export const rows = async (b) => (bundle ? (await bundle).rows[b] : ask("rows", { b }));

export async function problem(b, p) {
  return bundle ? (await bundle).problems[b][p] : ask("problem", { b, p });
}

export async function sample(b, c, p, s) {
  return bundle ? (await bundle).samples[b][p][c][s] : ask("sample", { b, c, p, s });
}

export async function search(b, q) {
  if (!bundle) return ask("search", { b, q });
  const wanted = new RegExp(q, "im");
  const held = await bundle;
  const questions = Object.entries(held.problems[b])
    .filter(([p, facts]) => wanted.test(`${p}\n${facts.question}`))
    .map(([p]) => p);
  const samples = [];
  for (const [p, columns] of Object.entries(held.samples[b]))
    columns.forEach((column, c) =>
      column.forEach((facts, s) => {
        if (facts && wanted.test(output(facts))) samples.push([c, p, s]);
      }));
  return { questions, samples, more: false };
}

export const output = ({ spans }) => spans.before + spans.answer + spans.after + spans.dropped;

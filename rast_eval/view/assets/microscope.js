// The delta at every token: shaded by how far it moves the base; a token shows what each member would have said.

import { fill, h } from "view/dom";

const SHADES = { kl: "KL(RAST ‖ base)", size: "size of the delta", entropy: "entropy of RAST" };

export function microscope(tokens) {
  const text = h("div", { class: "tokens" });
  const panel = h("div", { class: "panel" });
  const shade = h("select", { "aria-label": "shade", onchange: (event) => paint(event.target.value) },
    Object.entries(SHADES).map(([key, name]) => h("option", { value: key }, name)));
  const shown = (id) => tokens.texts[id] ?? `#${id}`;
  const spans = tokens.tokens.map((id, i) => h("span", {
    class: tokens.flips[i] ? "token flip" : "token", tabindex: "0", "data-token": i,
    onclick: () => open(i), onfocus: () => open(i),
  }, shown(id)));

  function paint(key) {
    const largest = Math.max(...tokens[key], 1e-9);
    spans.forEach((span, i) => span.style.setProperty("--heat", Math.sqrt(Math.max(0, tokens[key][i]) / largest).toFixed(3)));
  }

  function open(i) {
    spans.forEach((span, j) => span.classList.toggle("open", j === i));
    const members = Object.keys(tokens.top);
    fill(panel,
      h("p", { class: "facts" }, h("code", {}, JSON.stringify(shown(tokens.tokens[i]))),
        ` token ${i} · KL ${tokens.kl[i].toFixed(3)} nats · entropy ${tokens.entropy[i].toFixed(3)} · delta ${tokens.size[i].toFixed(2)}`,
        tokens.flips[i] ? h("b", {}, " · flipped: the base would have said another") : ""),
      h("div", { class: "members" }, members.map((name) => h("table", {},
        h("thead", {}, h("tr", {}, h("th", { class: "key", colspan: 2 }, name))),
        h("tbody", {}, tokens.top[name][i].map(([id, p]) => h("tr", { class: id === tokens.tokens[i] ? "said" : null },
          h("td", { class: "key" }, h("code", {}, JSON.stringify(shown(id)))),
          h("td", {}, p >= 0.0005 ? p.toFixed(3) : p.toExponential(0)))))))));
  }

  fill(text, spans);
  paint("kl");
  const flips = tokens.flips.filter(Boolean).length;
  return [
    h("p", { class: "facts" }, `${tokens.tokens.length} tokens, ${flips} flipped by the delta (underlined) · shade: `, shade,
      tokens.retokenised ? " · the text was tokenised again and gave another number of tokens than were generated" : ""),
    text, panel,
  ];
}

// Elements from values: text is always text, never markup, whatever a model wrote.

export function h(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, set] of Object.entries(value)) element.style.setProperty(key, set);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const button = (text, onclick, facts = {}) => h("button", { type: "button", onclick, ...facts }, text);

export const fill = (element, ...children) => element.replaceChildren(...children.flat(2).filter(Boolean));

export const percent = (share) => (Number.isNaN(share) ? "–" : (100 * share).toFixed(1));

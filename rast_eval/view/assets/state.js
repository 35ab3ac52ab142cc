// What is looked at, as the address says it: every sample and every filter has a URL.
//
//   #b=math500&p=17&s=3,0,3&f=fixes+rast:c&q=boxed&sort=gain&x=0&y=1
//
// b benchmark · p problem · s sample of each column · f filters · q search · x, y the columns that are compared

const KEYS = ["b", "p", "s", "f", "q", "sort", "x", "y"];

export function read() {
  const found = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(KEYS.map((key) => [key, found.get(key) ?? ""]));
}

// Changed keys only; `replace` leaves no step for the browser's back button.
export function go(change, { replace = false } = {}) {
  const next = { ...read(), ...change };
  const hash = "#" + new URLSearchParams(KEYS.filter((key) => next[key] !== "").map((key) => [key, next[key]]));
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = hash;
}

export const link = (change) => {
  const next = { ...read(), ...change };
  return "#" + new URLSearchParams(KEYS.filter((key) => next[key] !== "").map((key) => [key, next[key]]));
};

export const filters = (state) => (state.f ? state.f.split("+") : []);

// A click on a column's title sorts its table by the first number of each cell, else by text; again, the other way.
const value = (row, i) => row.cells[i].textContent;
const number = (text) => Number.parseFloat(text.replace(",", "").match(/[-+]?\d[\d.]*/)?.[0]);
for (const title of document.querySelectorAll("th")) {
  title.tabIndex = 0;
  title.ariaSort = "none";
  const sort = () => {
    const down = title.ariaSort !== "descending";
    const body = title.closest("table").tBodies[0];
    const i = title.cellIndex;
    const order = (a, b) => {
      const [x, y] = [a, b].map((row) => number(value(row, i)));
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || value(a, i).localeCompare(value(b, i));
      return down ? y - x : x - y;
    };
    body.append(...[...body.rows].sort(order));
    for (const other of title.parentElement.cells) other.ariaSort = "none";
    title.ariaSort = down ? "descending" : "ascending";
  };
  title.addEventListener("click", sort);
  title.addEventListener("keydown", (event) => event.key === "Enter" && sort());
}

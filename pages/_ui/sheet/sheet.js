// The contact sheet of a sweep: a table with the values on its edges, or tiles that flow.
// Called anew with each run of the page; only what changed is drawn anew. Pictures come once and
// are kept here by their key; what is lacking is asked for.

const MOST_KEPT = 1000; // pictures; beyond it those that are not shown are let go
const PATIENCE_MS = 1000; // after which a question is asked again
const pictures = new Map();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".sheet");
  const sheet = (root.nstSheet ??= new Sheet(root));
  sheet.trigger = setTriggerValue;
  sheet.show(data);
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

class Tile {
  constructor(open) {
    this.link = make("a", "tile");
    this.picture = make("div", "picture");
    this.image = make("img", "");
    this.words = make("span", "words");
    this.bar = make("div", "bar");
    this.level = make("i", "");
    this.title = make("div", "title");
    this.number = make("div", "number");
    this.mark = make("span", "mark");
    this.value = make("span", "");
    this.image.alt = "";
    this.image.draggable = false;
    this.bar.append(this.level);
    this.picture.append(this.image, this.words, this.bar);
    this.number.append(this.mark, this.value);
    this.link.append(this.picture, this.title, this.number);
    this.link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || !this.run) return;
      event.preventDefault(); // else the browser would load the whole bench anew
      open(this.run);
    });
  }

  show(cell, isFlow) {
    const source = pictures.get(cell.picture) ?? "";
    const drawn = JSON.stringify([cell, isFlow, Boolean(source)]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.run = cell.run;
    if (cell.run) this.link.href = `Stylize?run=${cell.run}`;
    else this.link.removeAttribute("href");
    this.link.dataset.state = cell.state;
    this.link.dataset.mark = cell.mark;
    this.link.setAttribute("aria-label", cell.label);
    this.link.title = cell.label;
    if (source && this.image.src !== source) this.image.src = source;
    this.image.hidden = !source;
    this.link.classList.toggle("pictured", Boolean(source));
    this.words.textContent = cell.words;
    this.words.hidden = !cell.words;
    this.bar.hidden = cell.progress === null;
    this.level.style.width = `${100 * (cell.progress ?? 0)}%`;
    this.title.textContent = cell.title;
    this.title.hidden = !isFlow;
    this.mark.textContent = { best: "★", noise: "≈" }[cell.mark] ?? "";
    this.mark.hidden = !this.mark.textContent;
    this.value.textContent = cell.number;
  }
}

class Sheet {
  constructor(root) {
    this.root = root;
    this.tiles = [];
    this.shape = "";
    this.waits = 0;
    root.addEventListener("keydown", (event) => this.move(event));
  }

  show(data) {
    const came = Object.entries(data.pictures);
    for (const [key, source] of came) pictures.set(key, source);
    if (came.length) {
      clearTimeout(this.waits);
      this.waits = 0;
    }
    this.root.dataset.size = data.size;
    this.root.style.setProperty("--aspect", data.aspect);
    const { isFlow, rows, columns, rowAxis, columnAxis } = data;
    const shape = JSON.stringify(isFlow ? [] : [rows, columns, rowAxis, columnAxis]);
    if (shape !== this.shape) this.arrange(data);
    this.shape = shape;
    const cells = data.cells.flat();
    if (isFlow) this.fill(cells.length);
    cells.forEach((cell, index) => {
      const tile = this.tiles[index];
      tile.link.hidden = cell === null;
      if (cell !== null) tile.show(cell, isFlow);
    });
    this.shown = new Set(cells.map((cell) => cell?.picture).filter(Boolean));
    this.ask();
    if (pictures.size <= MOST_KEPT) return;
    for (const key of [...pictures.keys()]) if (!this.shown.has(key)) pictures.delete(key);
  }

  arrange({ isFlow, rows, columns, rowAxis, columnAxis }) {
    this.tiles = [];
    this.flow = make("div", "flow");
    if (isFlow) {
      this.root.replaceChildren(this.flow);
      return;
    }
    const table = make("table", "");
    const head = table.createTHead().insertRow();
    const corner = make("th", "corner");
    if (columnAxis) corner.append(make("span", "", `${columnAxis} →`));
    if (rowAxis) corner.append(make("span", "", `${rowAxis} ↓`));
    head.append(corner);
    for (const label of columns) {
      const edge = make("th", "");
      edge.scope = "col";
      edge.append(make("div", "column", label));
      head.append(edge);
    }
    const body = table.createTBody();
    for (const label of rows) {
      const row = body.insertRow();
      const edge = make("th", "", label);
      edge.scope = "row";
      row.append(edge);
      for (const _ of columns) row.insertCell().append(this.add().link);
    }
    this.root.replaceChildren(table);
  }

  add() {
    const tile = new Tile((run) => this.trigger("open", run));
    this.tiles.push(tile);
    return tile;
  }

  fill(count) {
    while (this.tiles.length < count) this.flow.append(this.add().link);
    while (this.tiles.length > count) this.tiles.pop().link.remove();
  }

  // Asks for the pictures that are lacking, and again after a while: a question may be lost.
  ask() {
    const lacking = [...this.shown].filter((key) => !pictures.has(key));
    if (!lacking.length || this.waits || !this.root.isConnected) return;
    this.trigger("wanted", lacking);
    this.waits = setTimeout(() => {
      this.waits = 0;
      this.ask();
    }, PATIENCE_MS);
  }

  // Arrow keys go to the nearest tile that opens, in their direction.
  move(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const [x, y] = way[event.key] ?? [0, 0];
    const from = event.target.closest?.(".tile")?.getBoundingClientRect();
    if (!from || !(x || y)) return;
    event.preventDefault();
    let best = null;
    for (const { link } of this.tiles) {
      if (!link.hasAttribute("href") || link.hidden) continue;
      const to = link.getBoundingClientRect();
      const [dx, dy] = [to.left - from.left, to.top - from.top];
      const along = x * dx + y * dy;
      const cost = along + 3 * Math.abs(x ? dy : dx);
      if (along > 4 && (!best || cost < best.cost)) best = { link, cost };
    }
    best?.link.focus();
  }
}

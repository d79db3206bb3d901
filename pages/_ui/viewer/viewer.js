// Two pictures side by side with one zoom, under a wipe, or blinking; or one alone.
// Called anew with each run of the page: what a person did here (zoom, wipe) stays.

const BLINK_MS = 700; // well under three flashes a second
const MOST_ZOOM = 32;
const PIXELS_FROM = 2; // from this zoom on pixels are drawn as squares
const GRIP_PX = 24; // how near to the wipe's line a pointer takes it

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".viewer");
  const view = (root.nstView ??= new View(root));
  view.show(data);
  return () => view.rest();
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function button(text, title, action) {
  const element = make("button", "", text);
  element.type = "button";
  element.title = title;
  element.setAttribute("aria-label", title);
  element.addEventListener("click", action);
  return element;
}

class View {
  constructor(root) {
    this.root = root;
    this.zoom = { scale: 1, x: 0, y: 0 }; // x and y in widths and heights of the pane
    this.wipe = 50; // percent
    this.showsB = false;
    this.blinks = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.mode = "";
    this.size = "";
    this.stage = make("div", "stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "group");
    this.layers = [0, 1].map((index) => this.makeLayer(index));
    this.line = make("div", "line");
    this.line.append(make("span", "grip", "⇔"));
    this.slider = this.makeSlider();
    this.tools = this.makeTools();
    root.append(this.stage, this.slider, this.tools);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.stage);
  }

  makeLayer(index) {
    const layer = make("div", "layer");
    const image = make("img", "");
    image.draggable = false;
    const tag = make("div", `tag ${"ab"[index]}`);
    const letter = make("b", "", "AB"[index]);
    const words = make("span", "");
    tag.append(letter, words);
    layer.append(image);
    return { layer, image, tag, letter, words };
  }

  makeSlider() {
    const slider = make("input", "wipe");
    slider.type = "range";
    slider.min = 0;
    slider.max = 100;
    slider.step = 1;
    slider.setAttribute("aria-label", "Wipe between A and B");
    slider.addEventListener("input", () => this.moveWipe(Number(slider.value)));
    return slider;
  }

  makeTools() {
    const tools = make("div", "tools");
    this.percent = make("span", "percent");
    this.player = button("Pause", "Pause or go on (space)", () => this.play(!this.blinks));
    this.player.className = "player";
    this.flipper = button("A/B", "Show the other one (left and right)", () => this.flip());
    this.hint = make("span", "hint");
    tools.append(
      this.player,
      this.flipper,
      button("−", "Smaller (-)", () => this.zoomBy(1 / 1.5)),
      this.percent,
      button("+", "Larger (+)", () => this.zoomBy(1.5)),
      button("Fit", "The whole picture (0)", () => this.zoomTo(1)),
      button("1:1", "One pixel of the picture on one of the screen (1)", () => this.zoomToPixels()),
      this.hint,
    );
    return tools;
  }

  show(data) {
    this.data = data;
    const pair = [data.a, data.b];
    pair.forEach((side, index) => {
      const { layer, image, tag, letter, words } = this.layers[index];
      const isThere = Boolean(side);
      layer.hidden = tag.hidden = !isThere;
      if (!isThere) return;
      if (image.src !== side.src) image.src = side.src;
      image.alt = `${data.mode === "single" ? "" : "AB"[index] + ": "}${side.label}`;
      letter.hidden = data.mode === "single";
      words.textContent = side.label;
    });
    const size = `${data.a.width}x${data.a.height}`; // of the panes; B may become another
    if (size !== this.size) this.zoom = { scale: 1, x: 0, y: 0 };
    this.size = size;
    if (data.mode !== this.mode) this.arrange(data.mode);
    this.draw();
    this.tick();
  }

  arrange(mode) {
    this.mode = mode;
    this.stage.dataset.mode = mode;
    this.stage.setAttribute("aria-label", "Pictures; plus, minus and arrow keys zoom and move");
    this.panes = (mode === "side" ? [[0], [1]] : [[0, 1]]).map((indices) => {
      const pane = make("div", "pane");
      for (const index of indices) pane.append(this.layers[index].layer);
      for (const index of indices) pane.append(this.layers[index].tag);
      return pane;
    });
    if (mode === "wipe") this.panes[0].append(this.line);
    this.stage.replaceChildren(...this.panes);
    this.slider.hidden = mode !== "wipe";
    this.player.hidden = this.flipper.hidden = mode !== "blink";
    this.hint.textContent = "Ctrl + wheel zooms, drag moves, double click is 1:1";
    this.showsB = false;
  }

  draw() {
    if (!this.data) return;
    const { width, height } = this.data.a;
    this.root.style.setProperty("--aspect", width / height);
    const { scale, x, y } = this.zoom;
    const drawn = this.drawnScale() * devicePixelRatio;
    for (const { image } of this.layers) {
      image.style.transform = `translate(${x * 100}%, ${y * 100}%) scale(${scale})`;
      image.style.imageRendering = drawn >= PIXELS_FROM ? "pixelated" : "auto";
    }
    this.stage.classList.toggle("zoomed", scale > 1);
    this.percent.textContent = `${Math.round(drawn * 100)} %`;
    const above = this.layers[1];
    above.layer.style.clipPath = this.mode === "wipe" ? `inset(0 0 0 ${this.wipe}%)` : "none";
    this.line.style.left = `${this.wipe}%`;
    this.slider.value = this.wipe;
    const isBlink = this.mode === "blink";
    above.layer.style.visibility = isBlink && !this.showsB ? "hidden" : "visible";
    this.layers.forEach(({ tag }, index) => {
      tag.style.visibility = isBlink && (index === 1) !== this.showsB ? "hidden" : "visible";
    });
    this.player.textContent = this.blinks ? "Pause" : "Blink";
  }

  // How many CSS pixels one of picture A has
  drawnScale() {
    const pane = this.panes[0].getBoundingClientRect();
    const { width, height } = this.data.a;
    return Math.min(pane.width / width, pane.height / height) * this.zoom.scale;
  }

  zoomBy(factor, at = { x: 0.5, y: 0.5 }) {
    this.zoomTo(this.zoom.scale * factor, at);
  }

  zoomTo(scale, at = { x: 0.5, y: 0.5 }) {
    const former = this.zoom;
    const wanted = Math.min(MOST_ZOOM, Math.max(Math.min(1, this.pixelScale()), scale));
    const ratio = wanted / former.scale;
    this.moveTo(wanted, at.x - (at.x - former.x) * ratio, at.y - (at.y - former.y) * ratio);
  }

  zoomToPixels(at) {
    this.zoomTo(this.pixelScale(), at);
  }

  // The zoom at which a pixel of picture A is a pixel of the screen; under 1 for a small picture
  pixelScale() {
    return this.zoom.scale / (this.drawnScale() * devicePixelRatio);
  }

  moveTo(scale, x, y) {
    const inside = (value) =>
      scale < 1 ? (1 - scale) / 2 : Math.min(0, Math.max(1 - scale, value));
    this.zoom = { scale, x: inside(x), y: inside(y) };
    this.draw();
  }

  moveWipe(percent) {
    this.wipe = Math.min(100, Math.max(0, percent));
    this.draw();
  }

  play(blinks) {
    this.blinks = blinks;
    this.tick();
    this.draw();
  }

  tick() {
    clearInterval(this.timer);
    if (this.mode !== "blink" || !this.blinks) return;
    this.timer = setInterval(() => {
      this.showsB = !this.showsB;
      this.draw();
    }, BLINK_MS);
  }

  // Show the other picture, and stay there
  flip() {
    this.showsB = !this.showsB;
    this.play(false);
  }

  rest() {
    clearInterval(this.timer);
  }

  listen() {
    this.stage.addEventListener("pointerdown", (event) => this.take(event));
    this.stage.addEventListener("dblclick", (event) => {
      if (this.zoom.scale !== 1) this.zoomTo(1);
      else this.zoomToPixels(this.place(event));
    });
    this.stage.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    this.stage.addEventListener("keydown", (event) => this.press(event));
  }

  // Where in its pane an event is, each from 0 to 1
  place(event) {
    const pane = event.target.closest(".pane") ?? this.panes[0];
    const box = pane.getBoundingClientRect();
    return {
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
      box,
    };
  }

  take(event) {
    if (event.button !== 0 || !event.isPrimary) return; // one finger is followed
    const start = this.place(event);
    const former = this.zoom;
    const offLine = Math.abs(start.x - this.wipe / 100) * start.box.width;
    const wipes = this.mode === "wipe" && (former.scale <= 1 || offLine < GRIP_PX);
    const move = (next) => {
      if (next.pointerId !== event.pointerId) return;
      const x = (next.clientX - start.box.left) / start.box.width;
      const y = (next.clientY - start.box.top) / start.box.height;
      if (wipes) this.moveWipe(x * 100);
      else this.moveTo(former.scale, former.x + x - start.x, former.y + y - start.y);
    };
    const leave = (last) => {
      if (last.pointerId !== event.pointerId) return;
      this.stage.removeEventListener("pointermove", move);
      this.stage.removeEventListener("pointerup", leave);
      this.stage.removeEventListener("pointercancel", leave);
    };
    this.stage.setPointerCapture(event.pointerId);
    this.stage.addEventListener("pointermove", move);
    this.stage.addEventListener("pointerup", leave);
    this.stage.addEventListener("pointercancel", leave);
    if (wipes) move(event);
  }

  turn(event) {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY / 300), this.place(event));
  }

  press(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const keys = {
      "+": () => this.zoomBy(1.5),
      "=": () => this.zoomBy(1.5),
      "-": () => this.zoomBy(1 / 1.5),
      0: () => this.zoomTo(1),
      1: () => this.zoomToPixels(),
      " ": this.mode === "blink" ? () => this.play(!this.blinks) : null,
    };
    const arrow = arrows[event.key];
    if (arrow && this.zoom.scale > 1) {
      keys[event.key] = () => {
        const { scale, x, y } = this.zoom;
        this.moveTo(scale, x - arrow[0] * 0.1, y - arrow[1] * 0.1);
      };
    } else if (arrow && arrow[0] && this.mode === "wipe") {
      keys[event.key] = () => this.moveWipe(this.wipe + arrow[0]);
    } else if (arrow && arrow[0] && this.mode === "blink") {
      keys[event.key] = () => this.flip();
    }
    const action = event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

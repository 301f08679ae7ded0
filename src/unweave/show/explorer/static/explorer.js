// The page: sliders that move a code, and all that is drawn of it. What decodes is an engine: the server that this page
// came from, or, in an exported page, the model itself (window.unweaveEngine).
"use strict";

const at = (id) => document.getElementById(id);

function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function serverEngine() {
  const token = new URLSearchParams(location.search).get("token") || "";
  const ask = async (path, options = {}) => {
    const answer = await fetch(path, { ...options, headers: { "x-unweave-token": token, accept: "application/json" } })
      .catch(() => { throw new Error("the explorer does not answer: it was ended, so start unweave explore again"); });
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.error || `the explorer answered ${answer.status}`);
  };
  const post = (path, body) => ask(path, { method: "POST", body });
  let facts;
  return {
    facts: async () => (facts = await (await ask("facts")).json()),
    decode: async (rows) => {
      const sent = new Float32Array(rows.flat());
      return split(await (await post("decode", sent)).arrayBuffer(), facts);
    },
    image: async (number) => (await ask(`image/${number}`)).json(),
    upload: async (file) => (await post("encode", file)).json(),
    saveName: async (latent, name, star) => (await post("names", JSON.stringify({ latent, name, star }))).json(),
  };
}

// Frames that lie one after another, as arrays.
function split(buffer, facts) {
  const all = facts.vector ? new Float32Array(buffer) : new Uint8Array(buffer);
  const [channels, height, width] = facts.shape;
  const size = channels * height * width;
  return Array.from({ length: all.length / size }, (_, k) => all.subarray(k * size, (k + 1) * size));
}

const SPANS = { two: [-2, 2], three: [-3, 3], zero: [-1, 1] };
const STEPS = 7;
const FRAMES = 25;

// Quantile of the standard normal for 0.025 < p < 0.975 (Acklam's rational approximation, relative error 1e-9).
function quantile(p) {
  const q = p - 0.5, r = q * q;
  const poly = (...terms) => terms.reduce((sum, term) => sum * r + term, 0);
  const above = poly(-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239);
  const below = poly(-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1);
  return (q * above) / below;
}

// Values that a latent takes, whose slider goes `reach` either way.
function spread(span, steps, reach) {
  const shares = Array.from({ length: steps }, (_, k) => k / (steps - 1));
  if (span === "quantiles") return shares.map((share) => quantile(0.05 + 0.9 * share));
  const [low, high] = SPANS[span] || [-reach, reach];
  return shares.map((share) => low + share * (high - low));
}

const shown = (value, digits = 2) => (Math.round(value * 10 ** digits) / 10 ** digits).toFixed(digits).replace("-", "\u2212");

async function open(engine) {
  const facts = await engine.facts();
  const latents = facts.latents.map((one) => one.index);
  const reach = new Map(facts.latents.map((one) => [one.index, one.reach]));
  const rows = new Map();
  const zero = { codes: latents.map(() => 0), categories: facts.categories.map(() => 0) };
  const keep = (code) => ({ codes: [...code.codes], categories: [...code.categories] });
  const given = (one) => ({ ...keep(one), frame: one.frame && frameOf(one.frame), from: one.from });
  const frameOf = (text) => split(bytes(text).buffer, facts)[0];
  const references = facts.references.map((one, k) => given({ ...one, from: `r${k}` }));
  let start = references[0] || zero;
  let now = keep(start);
  const home = facts.planes.findIndex((plane) => plane.latents.includes(latents[0]));
  let chosen = home < 0 ? latents[0] : `a${home}`;
  let names = facts.names;
  const ends = { a: references[0] || zero, b: references[1] || facts.samples[0] };
  let frame = null;

  const say = (text) => { at("status").textContent = text; };
  // Whatever an action throws is told in the page.
  const told = (action) => async (...given) => {
    try {
      await action(...given);
    } catch (wrong) {
      say(wrong.message);
    }
  };
  const row = (code) => [...code.codes, ...code.categories];
  const moved = (code, latent, value) => ({ codes: code.codes.map((old, j) => (j === latent ? value : old)), categories: code.categories });
  const called = (latent) => (names[latent] && names[latent].name) || `z${latent}`;

  // Planes: two latents as radius and angle. In the middle there is no angle, so the last one is held.
  const DEGREES = 180 / Math.PI;
  const lastAngle = facts.planes.map(() => 0);
  const dials = [];
  function place(k, codes) {
    const { latents: pair, centre, matrix } = facts.planes[k];
    const [x, y] = pair.map((j, i) => codes[j] - centre[i]);
    const [u, v] = [0, 1].map((i) => x * matrix[0][i] + y * matrix[1][i]);
    const radius = Math.hypot(u, v);
    return { radius, angle: radius > 1e-6 ? Math.atan2(v, u) : lastAngle[k] };
  }
  function put(k, code, { radius, angle }) {
    const { latents: pair, centre, back } = facts.planes[k];
    const [u, v] = [radius * Math.cos(angle), radius * Math.sin(angle)];
    return pair.reduce((made, j, i) => moved(made, j, u * back[0][i] + v * back[1][i] + centre[i]), code);
  }
  const turned = (angle) => Math.round(10 * (((angle * DEGREES) % 360) + 360)) / 10 % 360;
  const pairOf = (k) => facts.planes[k].latents.map(called).join(" and ");

  // What moves along the strip: a latent, or of a plane its angle ("a0") or radius ("r0").
  const evenly = (steps, most) => Array.from({ length: steps }, (_, i) => (most * i) / (steps - 1));
  const axes = new Map(latents.map((j) => [j, {
    name: () => called(j), near: 0.02, values: (steps) => spread(at("span").value, steps, reach.get(j)),
    value: () => now.codes[j], move: (code, value) => moved(code, j, value), told: (value) => shown(value),
  }]));
  facts.planes.forEach((plane, k) => {
    axes.set(`a${k}`, {
      name: () => `the angle of ${pairOf(k)}`, near: 0.2, round: true, values: (steps) => evenly(steps, 360),
      value: () => turned(place(k, now.codes).angle), told: (value) => `${Math.round(value)}\u00b0`,
      move: (code, value) => put(k, code, { radius: place(k, code.codes).radius, angle: value / DEGREES }),
    });
    axes.set(`r${k}`, {
      name: () => `the radius of ${pairOf(k)}`, near: 0.02, values: (steps) => evenly(steps, plane.reach),
      value: () => place(k, now.codes).radius, told: (value) => shown(value),
      move: (code, value) => put(k, code, { radius: value, angle: place(k, code.codes).angle }),
    });
  });
  const nameOf = () => axes.get(chosen).name();

  // Drawing: the newest code is decoded as soon as the one before has come back.
  let busy = false, wanted = false;
  async function draw() {
    wanted = true;
    if (busy) return;
    busy = true;
    try {
      while (wanted) {
        wanted = false;
        [frame] = await engine.decode([row(now)]);
        paint();
      }
    } finally {
      busy = false;
    }
  }

  function paint() {
    const origin = start.frame || null;
    Picture.paint(at("now"), frame, facts, origin);
    at("now").dataset.drawn = Number(at("now").dataset.drawn || 0) + 1;
    at("now").setAttribute("aria-label", `Decoded ${facts.vector ? "row" : "image"}`);
    at("origin-box").hidden = !origin || facts.vector;
    at("apart-box").hidden = !origin || facts.vector;
    if (facts.vector) {
      at("pictures").hidden = facts.columns.length <= MOST; // the bars below say it all
      return bars(origin);
    }
    if (!origin) return undefined;
    Picture.paint(at("origin"), origin, facts);
    const apart = Picture.apart(frame, origin, facts.shape);
    const mean = apart.reduce((sum, value) => sum + value, 0) / apart.length;
    Picture.heat(at("apart"), apart, facts.shape, 1);
    at("apart-text").textContent = `difference, mean ${shown(mean, 3)}`;
    return undefined;
  }

  const MOST = 60;
  function bars(origin) {
    const box = at("bars");
    box.hidden = false;
    const columns = facts.columns.slice(0, MOST);
    if (!box.childElementCount) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", "Decoded row");
      for (const column of columns) {
        box.append(made("div", { className: "bar" }, made("span", { textContent: column.name }),
          made("div", { className: "track" }, made("i"), made("u")), made("b")));
      }
      box.append(made("p", { className: "soft" }, made("span", { className: "marks" }), "the row that was encoded"));
      if (facts.columns.length > MOST) box.append(made("p", { className: "soft", textContent: `and ${facts.columns.length - MOST} more columns in the line above` }));
    }
    box.querySelector("p").hidden = !origin;
    columns.forEach(({ low, high }, k) => {
      const share = (value) => `${100 * Math.min(1, Math.max(0, (value - low) / (high - low)))}%`;
      const [, track, value] = box.children[k].children;
      track.children[0].style.width = share(frame[k]);
      track.children[1].hidden = !origin;
      if (origin) track.children[1].style.left = share(origin[k]);
      value.textContent = Number(frame[k].toPrecision(4)).toString().replace("-", "\u2212");
    });
  }

  // The strips follow once the hand rests.
  let waiting = 0;
  function later() {
    clearTimeout(waiting);
    waiting = setTimeout(told(strips), 120);
  }

  function walk(steps) {
    const axis = axes.get(chosen);
    const zeroed = at("span").value === "zero" && latents.includes(chosen);
    const base = zeroed ? { codes: zero.codes, categories: now.categories } : now;
    return axis.values(steps).map((value) => ({ value, code: axis.move(base, value) }));
  }

  const between = (share) => ({
    codes: ends.a.codes.map((value, j) => value + share * (ends.b.codes[j] - value)),
    categories: [...(share < 0.5 ? ends.a : ends.b).categories],
  });

  let asked = 0;
  async function strips() {
    const turn = (asked += 1);
    const steps = walk(STEPS);
    const shares = Array.from({ length: STEPS }, (_, k) => k / (STEPS - 1));
    const frames = await engine.decode([...steps.map(({ code }) => row(code)), ...shares.map((share) => row(between(share)))]);
    if (turn !== asked) return; // a newer wish is on its way
    const walked = frames.slice(0, STEPS);
    const { told: inWords } = axes.get(chosen);
    fill(at("strip"), walked, steps.map(({ value }) => inWords(value)), (k) => `${nameOf()} ${inWords(steps[k].value)}`, (k) => {
      set(steps[k].code);
    });
    at("span").disabled = !latents.includes(chosen);
    fill(at("between-strip"), frames.slice(STEPS), shares.map((share, k) => (k === 0 ? "A" : k === STEPS - 1 ? "B" : `${Math.round(100 * share)} %`)),
      (k) => `${Math.round(100 * shares[k])} % of the way from A to B`, (k) => {
        at("share").value = shares[k];
        set(between(shares[k]));
      });
    mark(steps);
    changes(walked);
    document.body.dataset.strips = Number(document.body.dataset.strips || 0) + 1;
    at("strip-head").textContent = `Traversal of ${nameOf()}`;
  }

  function fill(box, frames, labels, words, act) {
    if (!box.childElementCount) {
      for (let k = 0; k < frames.length; k++) {
        const canvas = made("canvas");
        canvas.setAttribute("aria-hidden", "true");
        box.append(made("button", { type: "button" }, canvas, made("span")));
      }
    }
    frames.forEach((one, k) => {
      const button = box.children[k];
      Picture.paint(button.firstChild, one, facts);
      button.lastChild.textContent = labels[k];
      button.setAttribute("aria-label", words(k));
      button.onclick = () => act(k);
    });
  }

  function mark(steps) {
    const { near, value } = axes.get(chosen);
    const apart = steps.map((step) => Math.abs(step.value - value()));
    [...at("strip").children].forEach((button, k) => button.setAttribute("aria-pressed", String(apart[k] < near)));
  }

  function changes(frames) {
    const canvas = at("changes");
    let most, first = "";
    if (facts.vector) {
      const range = facts.columns.map(({ low, high }, k) => {
        const values = frames.map((one) => one[k]);
        return (Math.max(...values) - Math.min(...values)) / (high - low);
      });
      most = Math.max(...range);
      const named = range.map((value, k) => [value, facts.columns[k].name]).sort((a, b) => b[0] - a[0]);
      first = ` Most: ${named.slice(0, 3).map(([value, name]) => `${name} (${shown(value)})`).join(", ")}.`;
      const whole = { columns: range.map(() => ({ low: 0, high: Math.max(most, 0.05) })) };
      Picture.profile(canvas, Float32Array.from(range), whole);
    } else {
      const range = Picture.spread(frames, facts.shape);
      most = range.reduce((best, value) => Math.max(best, value), 0);
      Picture.heat(canvas, range, facts.shape, Math.max(most, 0.05));
    }
    const unit = facts.vector ? "column, in shares of its range" : "pixel, in shares of black to white";
    at("changes-text").textContent = most < 0.02
      ? `${nameOf().replace(/^the/, "The")} changes nothing to be seen: ${shown(most, 3)} at most.`
      : `What ${nameOf()} changes: how much each ${unit}, from 0${facts.vector ? "" : " (dark blue)"} to ${shown(most)}${facts.vector ? "" : " (yellow)"}.${first}`;
  }

  // Controls
  function set(code) {
    now = keep(code);
    show();
  }

  function show() {
    for (const [latent, parts] of rows) {
      const value = now.codes[latent];
      const most = Math.max(reach.get(latent), Math.ceil(Math.abs(value)));
      for (const input of [parts.slider, parts.value]) [input.min, input.max] = [-most, most];
      parts.slider.value = value;
      parts.slider.setAttribute("aria-valuetext", shown(value));
      if (document.activeElement !== parts.value) parts.value.value = value.toFixed(2);
    }
    for (const each of dials) each.show();
    facts.categories.forEach((_, group) => {
      [...at("categories").children[group].querySelectorAll("button")].forEach((button, k) => {
        button.setAttribute("aria-pressed", String(k === now.categories[group]));
      });
    });
    [...at("references").children].forEach((button, k) => button.setAttribute("aria-pressed", String(start === references[k])));
    told(draw)();
    later();
  }

  function begin(from, text = "") {
    start = from;
    set(from);
    say(text);
  }

  function pick(what) {
    if (chosen === what) return;
    chosen = what;
    mine();
    later();
  }

  function mine() {
    for (const [j, { box }] of rows) box.setAttribute("aria-current", String(j === chosen));
    dials.forEach(({ box }, k) => box.setAttribute("aria-current", String([`a${k}`, `r${k}`].includes(chosen))));
  }

  function turn(latent, value) {
    if (!Number.isFinite(value)) return;
    now.codes[latent] = Math.max(-1000, Math.min(1000, value));
    show();
  }

  const mostKl = Math.max(...facts.latents.map((one) => one.kl || 0), 1e-9);
  function line({ index, kl, reach: most }) {
    const label = () => called(index);
    const star = made("button", { type: "button", className: "star" });
    const name = made("input", { type: "text", className: "name", maxLength: 60, placeholder: "what is it?", autocomplete: "off", spellcheck: false });
    const rate = made("span", { className: "kl", textContent: kl === null ? "" : `${shown(kl)} nats` });
    if (kl !== null) {
      const part = made("i");
      part.style.width = `${(100 * kl) / mostKl}%`;
      rate.append(part);
    }
    const slider = made("input", { type: "range", min: -most, max: most, step: "any" });
    const value = made("input", { type: "number", className: "value", step: 0.1 });
    const box = made("div", { className: "latent", role: "group" }, star, made("span", { className: "number", textContent: `z${index}` }), name, rate, slider, value);
    box.setAttribute("aria-current", String(index === chosen));
    const dress = () => {
      const held = names[index] || { name: "", star: false };
      star.textContent = held.star ? "\u2605" : "\u2606";
      star.setAttribute("aria-pressed", String(held.star));
      star.setAttribute("aria-label", `Star ${label()}`);
      name.value = held.name;
      name.setAttribute("aria-label", `Name of z${index}`);
      slider.setAttribute("aria-label", label());
      value.setAttribute("aria-label", `Value of ${label()}`);
      box.setAttribute("aria-label", kl === null ? label() : `${label()}, ${shown(kl)} nats`);
    };
    const save = told(async (title, starred) => {
      names = await engine.saveName(index, title, starred);
      dress();
      for (const each of dials) each.dress();
      order();
      later();
    });
    star.onclick = () => save(name.value, !(names[index] && names[index].star));
    name.onchange = () => save(name.value.trim(), Boolean(names[index] && names[index].star));
    name.onkeydown = (event) => { if (event.key === "Enter") name.blur(); };
    slider.oninput = () => { pick(index); turn(index, Number(slider.value)); };
    slider.onkeydown = (event) => {
      const small = 0.1, large = 0.5, held = now.codes[index];
      const to = {
        ArrowRight: held + small, ArrowUp: held + small, ArrowLeft: held - small, ArrowDown: held - small,
        PageUp: held + large, PageDown: held - large, Home: Number(slider.min), End: Number(slider.max), 0: 0, Backspace: start.codes[index],
      }[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      pick(index);
      turn(index, Math.max(Number(slider.min), Math.min(Number(slider.max), Math.round(1000 * to) / 1000)));
    };
    value.oninput = () => { pick(index); if (value.value !== "") turn(index, Number(value.value)); };
    value.onchange = () => { value.value = now.codes[index].toFixed(2); };
    box.onclick = () => pick(index);
    box.addEventListener("focusin", () => pick(index));
    rows.set(index, { box, slider, value });
    dress();
    return box;
  }

  // A plane: a dial for its angle, which shows the codes and takes a drag to anywhere, a slider for its radius, and
  // its two latents by themselves, folded.
  function dial(plane, k) {
    const canvas = made("canvas"), cloud = Picture.cloud(bytes(plane.density));
    canvas.setAttribute("aria-hidden", "true");
    const knob = made("div", { className: "dial", role: "slider", tabIndex: 0 }, canvas);
    const angle = made("input", { type: "number", id: `angle-${k}`, step: 5 });
    const slider = made("input", { type: "range", min: 0, max: plane.reach, step: "any" });
    const radius = made("input", { type: "number", id: `radius-${k}`, step: 0.1, min: 0 });
    const head = made("p"), summary = made("summary"), own = made("div", { className: "latents" });
    const line = (title, input, ...more) => made("div", { className: "line" }, made("label", { textContent: title, htmlFor: input.id }), ...more);
    const box = made("div", { className: "plane", role: "group" }, knob,
      made("div", {}, head, line("Angle", angle, angle, made("span", { className: "soft", textContent: "degrees" })), line("Radius", radius, slider, radius)),
      made("details", {}, summary, own));
    const to = (what, wish) => {
      if (!Number.isFinite(wish.radius) || !Number.isFinite(wish.angle)) return;
      pick(what);
      lastAngle[k] = wish.angle;
      now = keep(put(k, now, { ...wish, radius: Math.max(0, Math.min(100, wish.radius)) }));
      show();
    };
    const here = () => place(k, now.codes);
    const turn = (degrees) => to(`a${k}`, { ...here(), angle: degrees / DEGREES });
    const out = (far) => to(`r${k}`, { ...here(), radius: far });
    const keys = (event, table, act) => {
      const wish = table[event.key];
      if (wish === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act(wish);
    };
    knob.onkeydown = (event) => {
      const held = turned(here().angle), step = (by) => Math.round(held + by);
      keys(event, {
        ArrowRight: step(5), ArrowUp: step(5), ArrowLeft: step(-5), ArrowDown: step(-5), PageUp: step(30), PageDown: step(-30),
        Home: 0, 0: 0, End: 180, Backspace: place(k, start.codes).angle * DEGREES,
      }, turn);
    };
    slider.onkeydown = (event) => {
      const held = here().radius, step = (by) => Math.max(0, Math.min(Number(slider.max), Math.round(1000 * (held + by)) / 1000));
      keys(event, {
        ArrowRight: step(0.1), ArrowUp: step(0.1), ArrowLeft: step(-0.1), ArrowDown: step(-0.1), PageUp: step(0.5), PageDown: step(-0.5),
        Home: 0, 0: 0, End: Number(slider.max), Backspace: place(k, start.codes).radius,
      }, out);
    };
    // A drag that begins on the ring turns; one that begins inside moves the point.
    let inside = false;
    const drag = (event) => {
      const { left, top, width } = knob.getBoundingClientRect();
      const x = (2 * (event.clientX - left)) / width - 1, y = 1 - (2 * (event.clientY - top)) / width;
      const far = Math.hypot(x, y) / 0.84;
      if (event.type === "pointerdown") inside = far < 1;
      to(`a${k}`, { angle: Math.atan2(y, x), radius: inside ? Math.min(1, far) * plane.reach : here().radius });
    };
    knob.onpointerdown = (event) => { knob.setPointerCapture(event.pointerId); knob.onpointermove = drag; drag(event); };
    knob.onpointerup = knob.onpointercancel = () => { knob.onpointermove = null; };
    slider.oninput = () => out(Number(slider.value));
    angle.oninput = () => { if (angle.value !== "") turn(Number(angle.value)); };
    radius.oninput = () => { if (radius.value !== "") out(Number(radius.value)); };
    angle.onchange = radius.onchange = () => { angle.value = turned(here().angle); radius.value = here().radius.toFixed(2); };
    for (const each of [knob, angle]) each.addEventListener("focus", () => pick(`a${k}`));
    for (const each of [slider, radius]) each.addEventListener("focus", () => pick(`r${k}`));
    const dress = () => {
      const who = pairOf(k), rate = plane.kl === null ? "" : `, ${shown(plane.kl)} nats`;
      box.setAttribute("aria-label", `Plane of ${who}${rate}`);
      head.textContent = `${who} form a plane${rate}`;
      summary.textContent = `${who} by themselves`;
      knob.setAttribute("aria-label", `Angle of ${who}`);
      angle.setAttribute("aria-label", `Angle of ${who} in degrees`);
      slider.setAttribute("aria-label", `Radius of ${who}`);
      radius.setAttribute("aria-label", `Value of the radius of ${who}`);
    };
    const paint = () => {
      const at = here(), degrees = turned(at.angle);
      lastAngle[k] = at.angle;
      Picture.dial(canvas, cloud, { ...at, reach: plane.reach });
      for (const [name, value] of [["valuemin", 0], ["valuemax", 360], ["valuenow", degrees], ["valuetext", `${degrees} degrees, radius ${shown(at.radius)}`]]) {
        knob.setAttribute(`aria-${name}`, String(value));
      }
      slider.max = Math.max(plane.reach, Math.ceil(at.radius));
      slider.value = at.radius;
      slider.setAttribute("aria-valuetext", shown(at.radius));
      if (document.activeElement !== angle) angle.value = degrees;
      if (document.activeElement !== radius) radius.value = at.radius.toFixed(2);
    };
    dress();
    at("planes").append(box);
    dials.push({ box, own, dress, show: paint });
  }

  // Starred ones come first, then those that carry most; dead ones lie folded unless they are starred.
  function order() {
    const held = document.activeElement;
    const starred = (one) => Boolean(names[one.index] && names[one.index].star);
    dials.forEach(({ own }, k) => own.replaceChildren(...facts.planes[k].latents.map((j) => rows.get(j).box)));
    const alone = facts.latents.filter(({ index }) => !facts.planes.some((plane) => plane.latents.includes(index)));
    const lists = { live: alone.filter((one) => !one.dead || starred(one)), dead: alone.filter((one) => one.dead && !starred(one)) };
    for (const [id, list] of Object.entries(lists)) {
      const sorted = [...list].sort((a, b) => starred(b) - starred(a));
      at(id).replaceChildren(...sorted.map((one) => rows.get(one.index).box));
    }
    at("dead-box").hidden = lists.dead.length === 0;
    at("dead-head").textContent = `${lists.dead.length} dead (below 0.1 nats; they should change nothing)`;
    if (held && held.isConnected) held.focus();
  }

  function groups() {
    facts.categories.forEach((size, group) => {
      const title = facts.categories.length === 1 ? "Category" : `Category ${group}`;
      const field = made("fieldset", {}, made("legend", { textContent: title }));
      for (let k = 0; k < size; k++) {
        const button = made("button", { type: "button", textContent: String(k) });
        button.setAttribute("aria-label", `${title}: ${k}`);
        button.onclick = () => { now.categories[group] = k; show(); };
        field.append(button);
      }
      at("categories").append(field);
    });
  }

  // Saving
  function download(blob, name) {
    const link = made("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    say(`${name} is saved.`);
  }

  const fileName = (what, ending) => `${facts.run}-${what}.${ending}`.replace(/[^\w.-]+/g, "_");

  async function film(codes, what, round = false) {
    const canvas = made("canvas");
    const frames = [];
    for (let k = 0; k < codes.length; k += 16) frames.push(...(await engine.decode(codes.slice(k, k + 16).map(row))));
    const pictures = frames.map((one) => {
      Picture.paint(canvas, one, facts);
      const big = Picture.enlarged(canvas, 256);
      return big.getContext("2d").getImageData(0, 0, big.width, big.height);
    });
    const there = round ? pictures.slice(0, -1) : [...pictures, ...pictures.slice(1, -1).reverse()];
    download(new Blob([Picture.gif(there, 7)], { type: "image/gif" }), fileName(what, "gif"));
  }

  function link() {
    const numbers = now.codes.map((value) => Math.round(1e5 * value) / 1e5).join(",");
    const parts = { z: numbers, c: now.categories.join(","), l: chosen, s: at("span").value, from: start.from || "" };
    return `#${Object.entries(parts).filter(([, value]) => value !== "").map(([name, value]) => `${name}=${value}`).join("&")}`;
  }

  // The state that the address carries; what is not one is left out.
  async function restore() {
    const parts = new URLSearchParams(location.hash.slice(1));
    const list = (name, length, fits) => {
      const values = (parts.get(name) || "").split(",").map((text) => (text.trim() ? Number(text) : NaN));
      return values.length === length && values.every(fits) ? values : null;
    };
    const from = parts.get("from") || "";
    if (/^r\d+$/.test(from) && references[Number(from.slice(1))]) start = references[Number(from.slice(1))];
    else if (/^n\d+$/.test(from) && engine.image) start = given({ ...(await engine.image(Number(from.slice(1)))), from });
    now = keep(start);
    now.codes = list("z", latents.length, (value) => Number.isFinite(value) && Math.abs(value) <= 1000) || now.codes;
    now.categories = list("c", facts.categories.length, (value) => Number.isInteger(value)) || now.categories;
    now.categories = now.categories.map((value, k) => Math.min(Math.max(0, value), facts.categories[k] - 1));
    if ([...at("span").options].some((one) => one.value === parts.get("s"))) at("span").value = parts.get("s");
    const axis = /^\d+$/.test(parts.get("l") || "") ? Number(parts.get("l")) : parts.get("l");
    if (axes.has(axis)) pick(axis);
  }

  // Putting it all together
  document.body.classList.toggle("profile", facts.vector);
  at("summary").textContent = facts.summary;
  at("foot").textContent = facts.foot || "Decoded by unweave on this machine; nothing leaves it.";
  at("view-head").textContent = facts.vector ? "Decoded row" : "Decoded";
  facts.latents.forEach(line);
  facts.planes.forEach(dial);
  at("keys-dial").hidden = !facts.planes.length;
  groups();
  order();
  mine();
  at("dead-box").open = at("live").childElementCount === 0 && !facts.planes.length;

  references.forEach((one, k) => {
    const canvas = made("canvas");
    canvas.setAttribute("aria-hidden", "true");
    const button = made("button", { type: "button", onclick: () => begin(one) }, canvas);
    button.setAttribute("aria-label", `Reference ${facts.vector ? "row" : "image"} ${k + 1}`);
    at("references").append(button);
    Picture.paint(canvas, one.frame, facts);
  });
  at("by-number").hidden = !(engine.image && facts.size);
  at("upload-box").hidden = !(engine.upload && facts.upload);
  at("number").max = facts.size - 1;
  at("number-label").textContent = facts.vector ? "Row" : "Image";
  at("number-of").textContent = `of ${facts.size.toLocaleString("en")}`;
  at("any").setAttribute("aria-label", facts.vector ? "Any row" : "Any image");
  at("start-note").hidden = references.length > 0 && !facts.missing;
  at("start-note").textContent = facts.missing ? `No image of the data can be shown: ${facts.missing}.` : "";
  at("between-head").textContent = facts.vector ? "Between two rows" : "Between two images";

  const byNumber = told(async (number) => {
    const one = await engine.image(number);
    at("number").value = number;
    begin(given({ ...one, from: `n${number}` }));
  });
  at("by-number").onsubmit = (event) => {
    event.preventDefault();
    byNumber(Math.trunc(Number(at("number").value)));
  };
  at("any").onclick = () => byNumber(Math.floor(Math.random() * facts.size));
  const encode = told(async (file) => {
    if (!file) return;
    say(`Encoding ${file.name}.`);
    begin(given(await engine.upload(file)), `${file.name} was encoded.`);
  });
  at("upload").onchange = () => encode(at("upload").files[0]);
  if (engine.upload && facts.upload) {
    document.ondragover = (event) => event.preventDefault();
    document.ondrop = (event) => {
      event.preventDefault();
      encode(event.dataTransfer.files[0]);
    };
  }

  let drawn = 0;
  at("reset").onclick = () => begin(start, "Back to where it started.");
  at("random").onclick = () => begin({ ...facts.samples[drawn++ % facts.samples.length] }, "A code drawn from the prior.");
  at("save-png").onclick = () => {
    const canvas = facts.vector && facts.columns.length <= MOST ? Picture.table(frame, facts) : Picture.enlarged(at("now"), 512);
    canvas.toBlob((blob) => download(blob, fileName(facts.vector ? "row" : "image", "png")));
  };
  at("save-gif").onclick = told(() => film(walk(FRAMES).map(({ code }) => code), nameOf(), axes.get(chosen).round));
  at("save-between").onclick = told(() => film(Array.from({ length: FRAMES }, (_, k) => between(k / (FRAMES - 1))), "between"));
  at("copy-link").onclick = told(async () => {
    history.replaceState(null, "", link());
    at("link").value = location.href;
    try {
      await navigator.clipboard.writeText(location.href);
      at("link").hidden = true;
      say("The link is copied; the address bar holds it too.");
    } catch {
      at("link").hidden = false;
      at("link").select();
      say("Copy this link.");
    }
  });
  for (const end of ["a", "b"]) {
    at(`set-${end}`).onclick = () => {
      ends[end] = keep(now);
      at("share").value = end === "a" ? 0 : 1;
      say(`Kept as ${end.toUpperCase()}.`);
      later();
    };
  }
  at("share").oninput = () => set(between(Number(at("share").value)));
  at("span").onchange = later;
  window.onhashchange = told(async () => { await restore(); show(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());

  at("main").hidden = false;
  await restore().catch((wrong) => say(wrong.message));
  show();
}

document.addEventListener("DOMContentLoaded", () => {
  const engine = window.unweaveEngine || serverEngine();
  open(engine).catch((wrong) => { at("summary").textContent = wrong.message; });
});

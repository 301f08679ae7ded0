// The model itself, so that the page decodes without a server: the decoder's layers on typed arrays, one code at a time.
// Maps are (channels, height, width), as torch lays them out; weights come as little-endian float32. Sums are of doubles,
// which JavaScript adds faster than floats.
"use strict";

function erf(x) { // Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

const POINTWISE = {
  relu: (x) => (x > 0 ? x : 0),
  "leaky-relu": (x, slope) => (x > 0 ? x : slope * x),
  tanh: Math.tanh,
  sigmoid,
  elu: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x * sigmoid(x),
};

const Layers = {
  linear({ data }, { weight, bias, outputs }) {
    const out = new Float64Array(outputs), inputs = data.length;
    for (let o = 0; o < outputs; o++) {
      let a = bias ? bias[o] : 0, b = 0, c = 0, d = 0, i = 0;
      const from = o * inputs;
      for (; i + 3 < inputs; i += 4) {
        a += weight[from + i] * data[i];
        b += weight[from + i + 1] * data[i + 1];
        c += weight[from + i + 2] * data[i + 2];
        d += weight[from + i + 3] * data[i + 3];
      }
      for (; i < inputs; i++) a += weight[from + i] * data[i];
      out[o] = a + b + c + d;
    }
    return { data: out, shape: [outputs] };
  },

  // Codes at every place of a grid: the same numbers everywhere, plus what each place adds.
  grid(map, layer) {
    const size = layer.shape[1] * layer.shape[2], { data } = Layers.linear(map, layer);
    return { data: layer.shift.map((x, k) => x + data[(k / size) | 0]), shape: layer.shape };
  },

  reshape: ({ data }, { shape }) => ({ data, shape }),

  pointwise({ data, shape }, { name, value }) {
    const act = POINTWISE[name];
    return { data: data.map((x) => act(x, value)), shape };
  },

  affine({ data, shape }, { scale, shift }) {
    const size = shape[1] * shape[2];
    return { data: data.map((x, k) => x * scale[(k / size) | 0] + shift[(k / size) | 0]), shape };
  },

  // Each input pixel adds its value times the kernel to the output. What is added to one output pixel from four channels
  // and two neighbours in a row (columns x and x + stride of the kernel) is summed first: that halves the time.
  transposed({ data, shape: [channels, height, width] }, { weight, bias, outputs, kernel, stride, padding, more }) {
    const [kh, kw] = kernel, [sy, sx] = stride, [py, px] = padding;
    const tall = (height - 1) * sy - 2 * py + kh + more[0], wide = (width - 1) * sx - 2 * px + kw + more[1];
    const out = new Float64Array(outputs * tall * wide), plane = height * width, block = outputs * kh * kw;
    const columns = Array.from({ length: kw }, (_, x) => x).filter((x) => Math.floor(x / sx) % 2 === 0);
    for (let o = 0; o < outputs; o++) {
      const to = o * tall * wide;
      if (bias) out.fill(bias[o], to, to + tall * wide);
      for (let c = 0; c < channels; c += 4) {
        const has = (k) => c + k < channels; // beyond the last channel: weight 0
        const p1 = has(1) ? plane : 0, p2 = has(2) ? 2 * plane : 0, p3 = has(3) ? 3 * plane : 0;
        for (let y = 0; y < kh; y++) {
          const top = Math.max(0, Math.ceil((py - y) / sy)), bottom = Math.min(height - 1, Math.floor((tall - 1 + py - y) / sy));
          for (const x of columns) {
            const at = c * block + (o * kh + y) * kw + x;
            const tap = (k, more) => (has(k) && x + more < kw ? weight[at + k * block + more] : 0);
            const a0 = tap(0, 0), a1 = tap(1, 0), a2 = tap(2, 0), a3 = tap(3, 0);
            const b0 = tap(0, sx), b1 = tap(1, sx), b2 = tap(2, sx), b3 = tap(3, sx);
            const first = Math.max(0, Math.ceil((px - x) / sx)), last = Math.min(width, Math.floor((wide - 1 + px - x) / sx));
            for (let row = top; row <= bottom; row++) {
              const start = c * plane + row * width, base = to + (row * sy - py + y) * wide - px + x;
              const before = start + first - 1;
              let l0 = 0, l1 = 0, l2 = 0, l3 = 0;
              if (first > 0) [l0, l1, l2, l3] = [data[before], data[before + p1], data[before + p2], data[before + p3]];
              for (let f = first; f <= last && f < width; f++) {
                const s = start + f, v0 = data[s], v1 = data[s + p1], v2 = data[s + p2], v3 = data[s + p3];
                out[base + f * sx] += a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3 + b0 * l0 + b1 * l1 + b2 * l2 + b3 * l3;
                l0 = v0;
                l1 = v1;
                l2 = v2;
                l3 = v3;
              }
              if (last === width) out[base + width * sx] += b0 * l0 + b1 * l1 + b2 * l2 + b3 * l3;
            }
          }
        }
      }
    }
    return { data: out, shape: [outputs, tall, wide] };
  },
};

// What the likelihood reads of the decoder's numbers: the expected image.
const Read = {
  none: (x) => x,
  sigmoid,
  "continuous-bernoulli": (x) => (Math.abs(x) < 1e-2 ? 0.5 + x / 12 : Math.min(1, Math.max(0, 1 / (1 - Math.exp(-x)) - 1 / x))),
};

function softmax(data, sizes) {
  let from = data.length - sizes.reduce((sum, size) => sum + size, 0);
  for (const size of sizes) {
    const part = data.subarray(from, from + size);
    const most = part.reduce((best, value) => Math.max(best, value), -Infinity);
    const shares = part.map((value) => Math.exp(value - most));
    const total = shares.reduce((sum, value) => sum + value, 0);
    part.set(shares.map((value) => value / total));
    from += size;
  }
}

window.unweaveEngine = (() => {
  const read = (id) => document.getElementById(id).textContent;
  let facts, model;

  function load() {
    facts = JSON.parse(read("facts"));
    model = JSON.parse(read("model"));
    const raw = Uint8Array.from(atob(read("weights")), (letter) => letter.charCodeAt(0));
    const all = Float64Array.from(new Float32Array(raw.buffer));
    const numbers = (place) => (place ? all.subarray(place[0], place[0] + place[1]) : null);
    for (const part of [...model.layers, model.units || {}]) {
      for (const name of ["weight", "bias", "scale", "shift"]) if (part[name]) part[name] = numbers(part[name]);
    }
  }

  // The expected image of a code and its categories, in the units of the data.
  function image(row) {
    const codes = row.slice(0, model.latents);
    const places = model.categories.flatMap((size, k) => Array.from({ length: size }, (_, j) => Number(row[model.latents + k] === j)));
    let map = { data: Float64Array.from([...codes, ...places, ...Array(model.silent).fill(0)]), shape: [] };
    for (const layer of model.layers) map = Layers[layer.kind](map, layer);
    const [channels, height, width] = facts.shape;
    const made = map.data.slice(0, channels * height * width).map(Read[model.read]);
    softmax(made, model.softmax);
    if (model.units) made.forEach((value, k) => { made[k] = value * model.units.scale[k] + model.units.shift[k]; });
    return model.bounded ? made.map((value) => Math.min(1, Math.max(0, value))) : made;
  }

  function frame(row) {
    const made = image(row);
    if (facts.vector) return Float32Array.from(made);
    const [low, high] = model.range;
    return Uint8Array.from(made, (value) => Math.min(255, Math.max(0, Math.round((255 * (value - low)) / (high - low)))));
  }

  // How far the page's numbers lie from torch's, which came along: in 1/255, or for vectors in shares of a column's range.
  function checked() {
    const found = frame([...facts.samples[0].codes, ...facts.samples[0].categories]);
    const raw = Uint8Array.from(atob(facts.check), (letter) => letter.charCodeAt(0));
    const right = facts.vector ? new Float32Array(raw.buffer) : raw;
    const range = (k) => (facts.vector ? facts.columns[k].high - facts.columns[k].low : 1);
    return found.reduce((most, value, k) => Math.max(most, Math.abs(value - right[k]) / range(k)), 0);
  }

  function names() {
    try {
      return JSON.parse(localStorage.getItem(facts.key)) || facts.names;
    } catch {
      return facts.names;
    }
  }

  return {
    facts: async () => {
      load();
      const apart = checked();
      const said = facts.vector ? `${(100 * apart).toFixed(2)} % of a column's range` : `${apart}/255`;
      return { ...facts, names: names(), foot: `Decoded in this page, without a server. Compared with torch just now: at most ${said} apart.` };
    },
    decode: async (rows) => {
      const frames = [];
      for (const row of rows) {
        frames.push(frame(row));
        if (rows.length > 1) await new Promise((next) => { setTimeout(next, 0); }); // lets a slider in between
      }
      return frames;
    },
    // Kept by the browser, since a page cannot write to its own file.
    saveName: async (latent, name, star) => {
      const held = { ...names(), [latent]: { name, star } };
      try {
        localStorage.setItem(facts.key, JSON.stringify(held));
      } catch {
        throw new Error("this browser keeps no names for pages from files");
      }
      return held;
    },
  };
})();

// Frames as pictures: painting them on a canvas, what differs between them, and moving ones as a GIF.
// A frame of an image is C * H * W bytes; that of a vector is K floats, drawn between the ends of each column.
"use strict";

const RAMP = [[0, 32, 77], [66, 78, 108], [124, 123, 120], [188, 175, 111], [255, 234, 70]]; // cividis: safe for all eyes

// An angle's colour, round once: blue, green, orange, purple, as in the figure of planes.
const CYCLE = ["#2f74c8", "#3fa3b5", "#7cc07a", "#c9b04a", "#d9822b", "#b0503f", "#7b3b7d", "#4b4da6", "#2f74c8"]
  .map((text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)));

const Picture = {
  // The colour of a share of a turn, 0 to 1.
  cycle(turn) {
    const place = (((turn % 1) + 1) % 1) * (CYCLE.length - 1), k = Math.floor(place);
    return CYCLE[k].map((value, c) => Math.round(value + (place - k) * (CYCLE[k + 1][c] - value)));
  },

  // Codes of a plane as colour: the angle's, stronger where `density` (bytes, rows from low to high) is higher.
  cloud(density) {
    const canvas = document.createElement("canvas"), cells = Math.sqrt(density.length);
    const pixels = new ImageData(cells, cells);
    density.forEach((strength, k) => {
      const x = (k % cells) + 0.5 - cells / 2, y = Math.floor(k / cells) + 0.5 - cells / 2;
      const seen = Math.hypot(x, y) < cells / 2 ? strength : 0;
      pixels.data.set([...Picture.cycle(Math.atan2(y, x) / (2 * Math.PI)), seen], 4 * ((cells - 1 - Math.floor(k / cells)) * cells + (k % cells)));
    });
    Picture.put(canvas, pixels);
    return canvas;
  },

  // A plane as a dial: the cloud inside a ring of all angles, a knob on the ring and a point where the code is.
  dial(canvas, cloud, { angle, radius, reach }) {
    const size = 416, half = size / 2, ring = 0.93 * half, edge = 0.84 * half; // `edge` is the radius `reach`
    [canvas.width, canvas.height] = [size, size];
    const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    const [ink, paper, soft] = ["--ink", "--paper", "--edge"].map((name) => style.getPropertyValue(name));
    pen.drawImage(cloud, half - edge, half - edge, 2 * edge, 2 * edge);
    pen.lineWidth = 14;
    for (let k = 0; k < 120; k++) {
      pen.strokeStyle = `rgb(${Picture.cycle((k + 0.5) / 120).join()})`;
      pen.beginPath();
      pen.arc(half, half, ring, (-2 * Math.PI * (k + 1.3)) / 120, (-2 * Math.PI * (k - 0.3)) / 120);
      pen.stroke();
    }
    pen.lineWidth = 1.5;
    pen.strokeStyle = soft;
    for (let whole = 1; whole <= reach; whole += Math.max(1, Math.ceil(reach / 5))) {
      pen.beginPath();
      pen.arc(half, half, (whole / reach) * edge, 0, 2 * Math.PI);
      pen.stroke();
    }
    const spot = (far, wide, fill, line) => {
      pen.beginPath();
      pen.arc(half + far * Math.cos(angle), half - far * Math.sin(angle), wide, 0, 2 * Math.PI);
      [pen.fillStyle, pen.strokeStyle, pen.lineWidth] = [fill, line, 4];
      pen.fill();
      pen.stroke();
    };
    spot(ring, 11, paper, ink);
    spot((Math.min(radius, 1.02 * reach) / reach) * edge, 9, ink, paper);
  },

  // Pixels (h, w) of a frame as the page shows it: grey, colour, or all channels side by side.
  rgba(frame, [channels, height, width]) {
    const tiles = channels === 3 ? 1 : channels;
    const pixels = new ImageData(width * tiles, height);
    const size = height * width;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width * tiles; x++) {
        const to = 4 * (y * width * tiles + x);
        const at = y * width + (x % width);
        const tile = Math.floor(x / width);
        for (let k = 0; k < 3; k++) pixels.data[to + k] = frame[(channels === 3 ? k : tile) * size + at];
        pixels.data[to + 3] = 255;
      }
    }
    return pixels;
  },

  put(canvas, pixels) {
    canvas.width = pixels.width;
    canvas.height = pixels.height;
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  },

  paint(canvas, frame, facts, other) {
    if (facts.vector) Picture.profile(canvas, frame, facts, other);
    else Picture.put(canvas, Picture.rgba(frame, facts.shape));
  },

  // A vector as one bar for each number, or as a line where there are many; `other` is drawn as marks.
  profile(canvas, frame, facts, other) {
    const small = canvas.closest(".thumbs, .strip") !== null;
    const ratio = Math.max(1, window.devicePixelRatio || 1);
    canvas.width = Math.round((small ? 90 : 380) * ratio);
    canvas.height = Math.round((small ? 60 : 128) * ratio);
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const [paper, link, mark] = ["--paper", "--link", "--mark"].map((name) => style.getPropertyValue(name));
    pen.fillStyle = paper;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    const share = (values, k) => {
      const { low, high } = facts.columns[k];
      return Math.min(1, Math.max(0, (values[k] - low) / (high - low)));
    };
    const count = frame.length;
    const step = canvas.width / count;
    const y = (part) => canvas.height - 2 * ratio - part * (canvas.height - 4 * ratio);
    const line = (values, colour) => {
      pen.strokeStyle = colour;
      pen.lineWidth = 1.5 * ratio;
      pen.beginPath();
      for (let k = 0; k < count; k++) pen.lineTo((k + 0.5) * step, y(share(values, k)));
      pen.stroke();
    };
    if (count > 60) {
      if (other) line(other, mark);
      line(frame, link);
      return;
    }
    for (let k = 0; k < count; k++) {
      pen.fillStyle = link;
      const top = y(share(frame, k));
      pen.fillRect((k + 0.12) * step, top, 0.76 * step, canvas.height - top);
      if (!other) continue;
      pen.fillStyle = mark;
      pen.fillRect((k + 0.04) * step, y(share(other, k)) - ratio, 0.92 * step, 2 * ratio);
    }
  },

  // A vector as a picture to keep: name, bar and value of each number.
  table(frame, facts) {
    const canvas = document.createElement("canvas");
    const [line, edge] = [36, 24];
    canvas.width = 900;
    canvas.height = frame.length * line + 2 * edge;
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.font = "20px system-ui, sans-serif";
    pen.textBaseline = "middle";
    facts.columns.forEach(({ name, low, high }, k) => {
      const y = edge + (k + 0.5) * line;
      pen.fillStyle = "#1a1a1a";
      pen.textAlign = "left";
      pen.fillText(name, edge, y, 280);
      pen.textAlign = "right";
      pen.fillText(Number(frame[k].toPrecision(4)).toString().replace("-", "\u2212"), canvas.width - edge, y);
      pen.fillStyle = "#f0f1f2";
      pen.fillRect(320, y - 11, 440, 22);
      pen.fillStyle = "#005a8f";
      pen.fillRect(320, y - 11, 440 * Math.min(1, Math.max(0, (frame[k] - low) / (high - low))), 22);
    });
    return canvas;
  },

  // How far two frames of an image lie apart, from 0 to 1 for each pixel: the mean over channels.
  apart(a, b, [channels, height, width]) {
    const size = height * width;
    const found = new Float32Array(size);
    for (let k = 0; k < channels * size; k++) found[k % size] += Math.abs(a[k] - b[k]) / 255 / channels;
    return found;
  },

  // By how much each pixel changes over several frames, from 0 to 1: the largest of its channels.
  spread(frames, [channels, height, width]) {
    const size = height * width;
    const found = new Float32Array(size);
    for (let k = 0; k < channels * size; k++) {
      let low = 255, high = 0;
      for (const frame of frames) {
        low = Math.min(low, frame[k]);
        high = Math.max(high, frame[k]);
      }
      found[k % size] = Math.max(found[k % size], (high - low) / 255);
    }
    return found;
  },

  // Values as colours from dark blue (0) to yellow (`most`).
  heat(canvas, values, [, height, width], most) {
    const pixels = new ImageData(width, height);
    values.forEach((value, at) => {
      const place = Math.min(0.9999, value / most) * (RAMP.length - 1);
      const [a, b] = [RAMP[Math.floor(place)], RAMP[Math.floor(place) + 1]];
      for (let k = 0; k < 3; k++) pixels.data[4 * at + k] = a[k] + (place % 1) * (b[k] - a[k]);
      pixels.data[4 * at + 3] = 255;
    });
    Picture.put(canvas, pixels);
  },

  // A larger copy with the same pixels, so that it is not blurred where it is shown.
  enlarged(canvas, least) {
    const times = Math.max(1, Math.ceil(least / Math.max(canvas.width, canvas.height)));
    const big = document.createElement("canvas");
    big.width = canvas.width * times;
    big.height = canvas.height * times;
    const pen = big.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(canvas, 0, 0, big.width, big.height);
    return big;
  },

  // An endless GIF of pictures (ImageData) of one size, `delay` hundredths of a second each.
  gif(pictures, delay) {
    const { width, height } = pictures[0];
    const { colours, index } = Picture.palette(pictures);
    const out = [];
    const word = (value) => out.push(value & 255, value >> 8);
    out.push(...[..."GIF89a"].map((letter) => letter.charCodeAt(0)));
    word(width);
    word(height);
    out.push(0xf7, 0, 0);
    for (let k = 0; k < 256; k++) out.push(...(colours[k] || [0, 0, 0]));
    out.push(0x21, 0xff, 11, ...[..."NETSCAPE2.0"].map((letter) => letter.charCodeAt(0)), 3, 1, 0, 0, 0);
    for (const { data } of pictures) {
      out.push(0x21, 0xf9, 4, 4);
      word(delay);
      out.push(0, 0, 0x2c);
      for (const value of [0, 0, width, height]) word(value);
      out.push(0, 8);
      const packed = Picture.packed(data, index);
      for (let at = 0; at < packed.length; at += 255) {
        const block = packed.slice(at, at + 255);
        out.push(block.length);
        for (const value of block) out.push(value);
      }
      out.push(0);
    }
    out.push(0x3b);
    return new Uint8Array(out);
  },

  // At most 256 colours: all there are, or else those of boxes that are cut in two at the median of their longest side.
  palette(pictures) {
    const exact = new Map();
    for (const { data } of pictures) {
      for (let at = 0; at < data.length && exact.size <= 256; at += 4) {
        exact.set((data[at] << 16) | (data[at + 1] << 8) | data[at + 2], exact.size);
      }
    }
    if (exact.size <= 256) {
      const keys = [...exact.keys()];
      const number = new Map(keys.map((key, k) => [key, k]));
      const colours = keys.map((key) => [key >> 16, (key >> 8) & 255, key & 255]);
      return { colours, index: (r, g, b) => number.get((r << 16) | (g << 8) | b) };
    }
    const bin = (r, g, b) => ((r >> 3) << 10) | ((g >> 3) << 5) | (b >> 3);
    const sums = new Map();
    for (const { data } of pictures) {
      for (let at = 0; at < data.length; at += 4) {
        const key = bin(data[at], data[at + 1], data[at + 2]);
        const sum = sums.get(key) || [0, 0, 0, 0, key];
        for (let k = 0; k < 3; k++) sum[k] += data[at + k];
        sum[3] += 1;
        sums.set(key, sum);
      }
    }
    const mean = (sum, k) => sum[k] / sum[3];
    const widest = (box) => {
      const sides = [0, 1, 2].map((k) => {
        const values = box.map((sum) => mean(sum, k));
        return Math.max(...values) - Math.min(...values);
      });
      const side = sides.indexOf(Math.max(...sides));
      return { box, side, length: box.length > 1 ? sides[side] : -1 };
    };
    const boxes = [widest([...sums.values()])];
    while (boxes.length < 256) {
      const at = boxes.reduce((best, one, k) => (one.length > boxes[best].length ? k : best), 0);
      if (boxes[at].length < 0) break;
      const { box, side } = boxes[at];
      box.sort((a, b) => mean(a, side) - mean(b, side));
      const half = Math.ceil(box.length / 2);
      boxes.splice(at, 1, widest(box.slice(0, half)), widest(box.slice(half)));
    }
    const number = new Uint8Array(1 << 15);
    const colours = boxes.map(({ box }, k) => {
      const total = [0, 0, 0, 0];
      for (const sum of box) {
        for (let j = 0; j < 4; j++) total[j] += sum[j];
        number[sum[4]] = k;
      }
      return [0, 1, 2].map((j) => Math.round(total[j] / total[3]));
    });
    return { colours, index: (r, g, b) => number[bin(r, g, b)] };
  },

  // LZW with codes of 9 to 12 bits, as GIF wants it.
  packed(data, index) {
    const out = [];
    let bits = 0, held = 0, size = 9, next = 258;
    let table = new Map();
    const emit = (code) => {
      held |= code << bits;
      bits += size;
      for (; bits >= 8; bits -= 8) {
        out.push(held & 255);
        held >>>= 8;
      }
    };
    emit(256);
    let prefix = index(data[0], data[1], data[2]);
    for (let at = 4; at < data.length; at += 4) {
      const last = index(data[at], data[at + 1], data[at + 2]);
      const key = (prefix << 8) | last;
      const known = table.get(key);
      if (known !== undefined) {
        prefix = known;
        continue;
      }
      emit(prefix);
      prefix = last;
      if (next === 4096) {
        emit(256);
        table = new Map();
        size = 9;
        next = 258;
        continue;
      }
      if (next === 1 << size) size += 1;
      table.set(key, next++);
    }
    emit(prefix);
    if (next === 1 << size && size < 12) size += 1;
    emit(257);
    if (bits > 0) out.push(held & 255);
    return out;
  },
};

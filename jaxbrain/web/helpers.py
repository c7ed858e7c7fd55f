"""Functions of JavaScript that a module has only if it uses them."""

HELPERS = {
    "f": "const f = Math.fround;",
    "words": "const words = new Uint32Array(2);",
    "threefry": """\
// The hash of the words (a, b) under the key (k, l), into `words`.
function threefry(k, l, a, b) {
  const keys = [k, l, k ^ l ^ 0x1bd11bda];
  a = (a + k) | 0;
  b = (b + l) | 0;
  for (let i = 0; i < 5; i++) {
    if (i & 1) {
      a = (a + b) | 0; b = ((b << 17) | (b >>> 15)) ^ a;
      a = (a + b) | 0; b = ((b << 29) | (b >>> 3)) ^ a;
      a = (a + b) | 0; b = ((b << 16) | (b >>> 16)) ^ a;
      a = (a + b) | 0; b = ((b << 24) | (b >>> 8)) ^ a;
    } else {
      a = (a + b) | 0; b = ((b << 13) | (b >>> 19)) ^ a;
      a = (a + b) | 0; b = ((b << 15) | (b >>> 17)) ^ a;
      a = (a + b) | 0; b = ((b << 26) | (b >>> 6)) ^ a;
      a = (a + b) | 0; b = ((b << 6) | (b >>> 26)) ^ a;
    }
    a = (a + keys[(i + 1) % 3]) | 0;
    b = (b + keys[(i + 2) % 3] + i + 1) | 0;
  }
  words[0] = a;
  words[1] = b;
}""",
    "clip": """\
function clip(start, largest) {
  return start < 0 ? 0 : start > largest ? largest : start;
}""",
    "divide": """\
function divide(a, b) {
  return b === 0 ? -1 : Math.trunc(a / b);
}""",
    "remainder": """\
function remainder(a, b) {
  return b === 0 ? a : a % b;
}""",
    "power": """\
// 1 for a base of 1 and for -1 to an infinite power, as in C.
function power(a, b) {
  return a === 1 || (a === -1 && (b === Infinity || b === -Infinity)) ? 1 : Math.pow(a, b);
}""",
    "toInteger": """\
// Toward zero, within the range; 0 for NaN.
function toInteger(x, low, high) {
  return x !== x ? 0 : x <= low ? low : x >= high ? high : Math.trunc(x);
}""",
    "compare": """\
// NaN after all numbers.
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : (a !== a) - (b !== b);
}""",
    "compareAll": """\
// NaN after all numbers, and -0 before 0.
function compareAll(a, b) {
  return compare(a, b) || (a === 0 && b === 0 ? Object.is(b, -0) - Object.is(a, -0) : 0);
}""",
    "roundEven": """\
function roundEven(x) {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
}""",
    "roundAway": """\
function roundAway(x) {
  return x < 0 ? -Math.floor(0.5 - x) : Math.floor(x + 0.5);
}""",
    "logAddExp": """\
function logAddExp(a, b) {
  const m = Math.max(a, b);
  return a === b ? m + Math.LN2 : m + Math.log1p(Math.exp(-Math.abs(a - b)));
}""",
    "bitsOf": """\
const bitsOf = new Uint32Array(1);
const realOf = new Float32Array(bitsOf.buffer);""",
    "toBits": """\
function toBits(x) {
  realOf[0] = x;
  return bitsOf[0];
}""",
    "fromBits": """\
function fromBits(bits) {
  bitsOf[0] = bits;
  return realOf[0];
}""",
    "nextAfter": """\
function nextAfter(x, to) {
  if (x !== x || to !== to) return NaN;
  if (x === to) return to;
  if (x === 0) return fromBits(to > 0 ? 1 : 0x80000001);
  return fromBits(toBits(x) + (x < to === x > 0 ? 1 : -1));
}""",
    "reducePrecision": """\
// The nearest number with so many bits of exponent and mantissa; ties to even.
function reducePrecision(x, exponent, mantissa) {
  if (x === 0 || !Number.isFinite(x)) return x;
  const most = 2 ** (exponent - 1) - 1;
  const power = Math.floor(Math.log2(Math.abs(x)));
  if (power < 1 - most) return x < 0 ? -0 : 0;
  const unit = 2 ** (power - mantissa);
  const r = roundEven(x / unit) * unit;
  return Math.abs(r) >= 2 ** (most + 1) ? Math.sign(x) * Infinity : r;
}""",
    "erf": """\
function erf(x) {
  const square = x * x;
  if (square > 36) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * square) / (2 * n + 1);
    sum += term;
  }
  return sum * Math.exp(-square) * (2 / Math.sqrt(Math.PI));
}""",
    "erfc": """\
function erfc(x) {
  if (x < 2) return 1 - erf(x);
  let tail = x;
  for (let n = 60; n > 0; n--) tail = x + n / 2 / tail;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / tail;
}""",
    "erfInverse": """\
// The polynomials of XLA (M. Giles, 2010), in single precision.
const near = [
  2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
  -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
].map(Math.fround);
const far = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
  -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
].map(Math.fround);
function erfInverse(x) {
  if (Math.abs(x) === 1) return x * Infinity;
  const w = f(-Math.log1p(f(-x * x)));
  const table = w < 5 ? near : far;
  const u = w < 5 ? f(w - 2.5) : f(Math.sqrt(w) - 3);
  let p = table[0];
  for (let i = 1; i < 9; i++) p = f(table[i] + f(p * u));
  return f(p * x);
}""",
    "erfInverse64": """\
function erfInverse64(x) {
  let y = erfInverse(x);
  if (!Number.isFinite(y)) return y;
  for (let i = 0; i < 3; i++) {
    const error = x > 0 ? 1 - x - erfc(y) : x < 0 ? erfc(-y) - 1 - x : 0;
    const step = (-error * Math.sqrt(Math.PI) * Math.exp(y * y)) / 2;
    y -= step / (1 + y * step);
  }
  return y;
}""",
    "decode": """\
function decode(text, array) {
  return new array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}""",
}

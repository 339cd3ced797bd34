/** Functions that WGSL kernels call, as text, each written only when used. WGSL has no literals for infinity and NaN: they are made of bits at run time. */

interface Helper { readonly text: string; readonly needs?: readonly string[] }

const integers = (type: 'i32' | 'u32'): Readonly<Record<string, Helper>> => ({
  [`divide_${type}`]: { text: `fn divide_${type}(a: ${type}, b: ${type}) -> ${type} { if (b == 0) { return 0; } return a / b; }` },
  [`modulo_${type}`]: {
    text: type === 'u32' ? 'fn modulo_u32(a: u32, b: u32) -> u32 { return a % b; }' : `fn modulo_i32(a: i32, b: i32) -> i32 {
  let r = a % b;
  return select(r, r + b, r != 0 && (r < 0) != (b < 0));
}`,
  },
  [`power_${type}`]: {
    text: `fn power_${type}(base: ${type}, exponent: ${type}) -> ${type} {
${type === 'i32' ? '  if (exponent < 0) { return select(select(0, select(1, -1, (exponent & 1) != 0), base == -1), 1, base == 1); }\n' : ''}  var a = base;
  var b = exponent;
  var r: ${type} = 1;
  while (b > 0) {
    if ((b & 1) != 0) { r *= a; }
    a *= a;
    b >>= 1u;
  }
  return r;
}`,
  },
})

export const HELPERS: Readonly<Record<string, Helper>> = {
  special_bits: { text: 'var<private> special_bits = vec2<u32>(0x7f800000u, 0x7fc00000u);' },
  infinity: { text: 'fn infinity() -> f32 { return bitcast<f32>(special_bits.x); }', needs: ['special_bits'] },
  not_a_number: { text: 'fn not_a_number() -> f32 { return bitcast<f32>(special_bits.y); }', needs: ['special_bits'] },
  is_nan: { text: 'fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }' },
  is_inf: { text: 'fn is_inf(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }' },
  floor_divide: {
    text: `fn floor_divide(a: i32, b: i32) -> i32 {
  if (b == 0) { return 0; }
  let q = a / b;
  return select(q, q - 1, a % b != 0 && (a < 0) != (b < 0));
}`,
  },
  // Where neither is negative: two thirds of the instructions that signs would take, or less.
  quotient: { text: 'fn quotient(a: i32, b: i32) -> i32 { return select(i32(u32(a) / u32(b)), 0, b == 0); }' },
  remainder: { text: 'fn remainder(a: i32, b: i32) -> i32 { return i32(u32(a) % u32(b)); }' },
  ...integers('i32'),
  ...integers('u32'),
  // Built-in % rounds the quotient. Here multiples of b are taken away from the greatest down, each without rounding.
  remainder_f32: {
    text: `fn remainder_f32(a: f32, b: f32) -> f32 {
  if (b == 0 || is_nan(b) || is_nan(a) || is_inf(a)) { return not_a_number(); }
  if (is_inf(b)) { return a; }
  let divisor = abs(b);
  var rest = abs(a);
  var multiple = divisor;
  while (multiple <= rest * 0.5) { multiple += multiple; }
  for (; multiple >= divisor; multiple *= 0.5) {
    if (rest >= multiple) { rest -= multiple; }
  }
  return select(rest, -rest, a < 0);
}`,
    needs: ['is_nan', 'is_inf', 'not_a_number'],
  },
  modulo_f32: {
    text: `fn modulo_f32(a: f32, b: f32) -> f32 {
  let r = remainder_f32(a, b);
  return select(r, r + b, r != 0 && (r < 0) != (b < 0));
}`,
    needs: ['remainder_f32'],
  },
  power_f32: {
    text: `fn power_f32(a: f32, b: f32) -> f32 {
  if (b == 0 || a == 1) { return 1; }
  let magnitude = select(pow(abs(a), b), a * a, b == 2);
  if (a >= 0 || b == 2) { return magnitude; }
  if (trunc(b) != b) { return not_a_number(); }
  return select(magnitude, -magnitude, trunc(b * 0.5) * 2 != b);
}`,
    needs: ['not_a_number'],
  },
  // Built-in tanh may overflow inside, and is inexact beside 0.
  tanh_f32: {
    text: `fn tanh_f32(x: f32) -> f32 {
  let z = x * x;
  if (z < 0.390625) { return x + x * (z * (-0.3333328366279602 + z * (0.13331490755081177 + z * (-0.05374349653720856 + z * (0.02065058797597885 - z * 0.005717045161873102))))); }
  return sign(x) * (1 - 2 / (exp(2 * min(abs(x), 20)) + 1));
}`,
  },
  expm1_f32: {
    text: `fn expm1_f32(x: f32) -> f32 {
  if (abs(x) > 0.5) { return exp(x) - 1; }
  return x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7 * (1 + x / 8)))))));
}`,
  },
  // Built-in log is only exact to 2^-21 between 1/2 and 2. log(1 + x) = 2·atanh(x / (2 + x)) by its series.
  log1p_near: {
    text: `fn log1p_near(x: f32) -> f32 {
  let s = x / (2 + x);
  let z = s * s;
  return 2 * s * (1 + z * (1f / 3 + z * (1f / 5 + z * (1f / 7 + z * (1f / 9 + z * (1f / 11 + z * (1f / 13 + z / 15)))))));
}`,
  },
  log_f32: {
    text: `fn log_f32(x: f32) -> f32 {
  if (x > 0.5 && x < 2) { return log1p_near(x - 1); }
  return log(x);
}`,
    needs: ['log1p_near'],
  },
  log1p_f32: {
    text: `fn log1p_f32(x: f32) -> f32 {
  if (x > -0.5 && x < 1) { return log1p_near(x); }
  return log(1 + x);
}`,
    needs: ['log1p_near'],
  },
  // Below 3/4 a fit of erf(x)/x over x², above it one of erfc(x)^(-1/16).
  erf_f32: {
    text: `fn erf_f32(x: f32) -> f32 {
  let a = min(abs(x), 4);
  let u = x * x;
  if (a < 0.75) { return x * (1.12837916558 + u * (-0.376126194694 + u * (0.112833865384 + u * (-0.0268351145686 + u * (0.00511533211253 - u * 0.000675647956868))))); }
  var p = 1.0000162123 + a * (0.070425423206 + a * (0.042532135588 + a * (0.0089092386047 + a * (0.0004964681882 + a * (0.000026180368074 + a * (0.00018732867089 + a * (-0.000057729367264 + a * (0.000013353926301 + a * (-0.0000015583693302 + a * 9.863946798e-8)))))))));
  p *= p;
  p *= p;
  p *= p;
  return sign(x) * (1 - 1 / (p * p));
}`,
  },
  // By bits: compilers take unpack2x16float(pack2x16float(x)) to be x.
  narrow_half: {
    text: `fn narrow_half(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (abs(x) >= 65520) { return sign(x) * infinity(); }
  if (abs(x) < 0.00006103515625) { return round(x * 16777216) / 16777216; }
  let w = bitcast<u32>(x);
  return bitcast<f32>((w + 0xfffu + ((w >> 13u) & 1u)) & 0xffffe000u);
}`,
    needs: ['is_nan', 'infinity'],
  },
  narrow_brain: {
    text: `fn narrow_brain(x: f32) -> f32 {
  let w = bitcast<u32>(x);
  return select(bitcast<f32>((w + 0x7fffu + ((w >> 16u) & 1u)) & 0xffff0000u), x, (w & 0x7fffffffu) > 0x7f800000u);
}`,
  },
  data_index: {
    text: `fn data_index(value: i32, extent: i32) -> i32 {
  let i = select(value, value + extent, value < 0);
  if (i >= 0 && i < extent) { return i; }
  fault = vec4<i32>(1, value, extent, 0);
  return 0;
}`,
  },
}

/** The text of the helpers in `used` and of all they need, each after its needs. */
export function helperText(used: ReadonlySet<string>): string {
  const done = new Set<string>()
  const texts: string[] = []
  const add = (name: string): void => {
    const helper = HELPERS[name]
    if (helper === undefined || done.has(name)) return
    done.add(name)
    helper.needs?.forEach(add)
    texts.push(helper.text)
  }
  for (const name of [...used].sort()) add(name)
  return texts.join('\n')
}

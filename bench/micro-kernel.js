/**
 * The bare micro-kernel of a matrix product, with both panels packed and in the first cache: what 128-bit SIMD can do on this
 * machine, for the products and convolutions to be measured against. Made by Ingot's encoder, of nothing but the kernel.
 */
import { encodeModule } from '../dist/src/codegen/wasm/encode.js'
import { constant, get, loadFrom, loop, op, set, storeTo, vectorConstant } from '../dist/src/codegen/wasm/instructions.js'
import { hasFusedMadd } from '../dist/src/runtime/wasm/relaxed.js'

/** Elements of the inner axis; both panels together take 14 kB at most. */
const DEPTH = 256
const PANEL_B = 8192, TILE_C = 24576

const TILES = {
  madd: { rows: 6, unroll: 2, relaxed: true },
  mulAdd: { rows: 4, unroll: 1, relaxed: false },
}

function tileFunction({ rows, unroll, relaxed }) {
  const [times, a, b] = [0, 1, 2], columns = [3, 4], splat = 5, sum = (row, column) => 6 + 2 * row + column
  const tile = Array.from({ length: 2 * rows }, (_, i) => [i >> 1, i & 1])
  const multiplyAdd = (x, y, z) => (relaxed ? op('f32x4.relaxed_madd', x, y, z) : op('f32x4.add', op('f32x4.mul', x, y), z))
  const step = (u) => [
    ...columns.map((local, column) => set(local, loadFrom('v128.load', 16, get(b), 32 * u + 16 * column))),
    ...Array.from({ length: rows }, (_, row) => [
      set(splat, loadFrom('v128.load32_splat', 4, get(a), 4 * (rows * u + row))),
      ...columns.map((local, column) => set(sum(row, column), multiplyAdd(get(splat), get(local), get(sum(row, column))))),
    ]),
  ]
  const inner = [
    Array.from({ length: unroll }, (_, u) => step(u)),
    set(a, op('i32.add', get(a), constant('i32', 4 * rows * unroll))), set(b, op('i32.add', get(b), constant('i32', 32 * unroll))),
  ]
  const body = loop([
    set(a, constant('i32', 0)), set(b, constant('i32', PANEL_B)),
    tile.map(([row, column]) => set(sum(row, column), vectorConstant('f32', [0, 0, 0, 0]))),
    loop(inner, op('i32.lt_u', get(b), constant('i32', PANEL_B + 32 * DEPTH))),
    tile.map(([row, column]) => storeTo('v128.store', 16, constant('i32', TILE_C), 16 * (2 * row + column), get(sum(row, column)))),
    set(times, op('i32.sub', get(times), constant('i32', 1))),
  ], get(times))
  return { name: 'tile', params: ['i32'], results: [], locals: ['i32', 'i32', ...Array(3 + tile.length).fill('v128')], body, exported: true }
}

/** The best micro-kernel that this engine takes: `run()` does `flops` operations; `name` says which it is. */
export function microKernel() {
  const kind = hasFusedMadd() ? 'madd' : 'mulAdd', tile = TILES[kind], times = 1000
  const memory = new WebAssembly.Memory({ initial: 1 })
  new Float32Array(memory.buffer).fill(0.5)
  const module = new WebAssembly.Module(encodeModule({ pages: 1, functions: [tileFunction(tile)], globals: [] }))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  return { name: `${tile.rows}×8 ${kind === 'madd' ? 'relaxed madd' : 'mul + add'}`, flops: times * DEPTH * tile.rows * 16, run: () => exports.tile(times) }
}

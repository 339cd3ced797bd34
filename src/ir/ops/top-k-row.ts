/**
 * The first elements of a row by insertion: the first `min(k, j)` places of the result hold what is best among the `j` elements seen. The next element
 * goes to its place, and what stood there and behind it moves up one. Elements that do not beat the last place are passed over at once, which is most
 * where k is small.
 */
import { add, max, min, sub, type Dim } from '../dims.js'
import { binary, cast, indexValue, load, local, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'

/** A row of `length` elements, of which `k` go to `places` of two buffers. */
export interface InsertedRow {
  readonly type: RegisterType
  readonly largest: boolean
  readonly length: Dim
  readonly k: Dim
  /** Statements that give element `j` in the register `x`. */
  readonly element: readonly Stmt[]
  /** The position of element 0. */
  readonly base?: Dim
  readonly place: (at: Dim) => Dim
  readonly values: string
  readonly positions: string
  /** What positions are stored as. */
  readonly as: 'i32' | 'i64'
}

/** Whether `x` comes before `y` by its value: NaN counts as greatest. */
export function precedesExpr(x: Expr, y: Expr, { largest, type }: Pick<InsertedRow, 'largest' | 'type'>): Expr {
  const by = binary(largest ? 'gt' : 'lt', x, y)
  if (type !== 'f32' && type !== 'f64') return by
  const [nan, number] = largest ? [x, y] : [y, x]
  return binary('or', by, binary('and', unary('isnan', nan), unary('not', unary('isnan', number))))
}

/** The statements of a row. */
export function insertRow(row: InsertedRow): readonly Stmt[] {
  const { type, length, k, element, base = 0, values, positions, as } = row, place = row.place('p'), last = load(values, [row.place(max(sub(k, 1), 0))])
  const held = local('held', type), from = local('from', 'i32'), kept = local('kept', type), keptFrom = local('kept_from', 'i32')
  const isEarlier = binary('and', unary('not', precedesExpr(kept, held, row)), binary('lt', from, keptFrom))
  const takesPlace = binary('or', binary('eq', indexValue('p'), indexValue('j')), binary('or', precedesExpr(held, kept, row), isEarlier))
  const shift: readonly Stmt[] = [
    { kind: 'let', name: 'kept', type, value: load(values, [place]) },
    { kind: 'let', name: 'kept_from', type: 'i32', value: as === 'i32' ? load(positions, [place]) : cast('i32', load(positions, [place])) },
    {
      kind: 'if', condition: takesPlace, else: [], then: [
        { kind: 'store', buffer: values, index: place, value: held },
        { kind: 'store', buffer: positions, index: place, value: as === 'i32' ? from : cast(as, from) },
        { kind: 'set', name: 'held', value: kept },
        { kind: 'set', name: 'from', value: keptFrom },
      ],
    },
  ]
  const insert: readonly Stmt[] = [
    { kind: 'var', name: 'held', type, value: local('x', type) },
    { kind: 'var', name: 'from', type: 'i32', value: indexValue(add(base, 'j')) },
    { kind: 'for', variable: 'p', lo: 0, hi: min(k, add('j', 1)), step: 1, body: shift },
  ]
  const isWanted = binary('or', binary('lt', indexValue('j'), indexValue(k)), precedesExpr(local('x', type), last, row))
  const scan: Stmt = { kind: 'for', variable: 'j', lo: 0, hi: length, step: 1, body: [...element, { kind: 'if', condition: isWanted, then: insert, else: [] }] }
  // Without places there is no last place to compare with.
  return typeof k === 'number' ? (k > 0 ? [scan] : []) : [{ kind: 'for', variable: 'any', lo: 0, hi: min(k, 1), step: 1, body: [scan] }]
}

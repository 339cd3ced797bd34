/**
 * Kernels as text; `parseKernel` reads it back.
 *
 *   kernel matmul_2x3xn(n) {
 *     in x0: float32[2*n]
 *     out y0: float32[6]
 *     for i in [0, 2) {
 *       index p0 = n*i
 *       var acc: f32 = 0.0
 *       for k in [0, n) { set acc = acc + x0[p0 + k] }      (one statement a line)
 *       y0[3*i] = acc
 *     }
 *   }
 */
import { printDim } from '../dims-text.js'
import type { Dim } from '../dims.js'
import type { BinaryOp, Expr } from './expr.js'
import type { Kernel, Stmt } from './kernel.js'

/** Operations that are written between their operands. */
export const INFIX: Readonly<Partial<Record<BinaryOp, string>>> = { add: '+', sub: '-', mul: '*', div: '/', eq: '==', ne: '!=', lt: '<', le: '<=', gt: '>', ge: '>=' }

/** The text of an expression. Expressions in `names` are written as the name given there. */
export function printExpr(e: Expr, names?: ReadonlyMap<Expr, string>): string {
  return printOperand(e, names, false)
}

function printOperand(e: Expr, names: ReadonlyMap<Expr, string> | undefined, nested: boolean): string {
  const name = names?.get(e)
  if (name !== undefined) return name
  const inner = (x: Expr): string => printOperand(x, names, false)
  switch (e.kind) {
    case 'const': return printConstant(e.type, e.value)
    case 'index': return `idx(${printDim(e.index)})`
    case 'load': return `${e.buffer}[${e.index.map(printDim).join(', ')}]${e.lanes === undefined ? '' : `:${e.lanes}`}`
    case 'local': return e.name
    case 'unary': return `${e.op}(${inner(e.x)})`
    case 'binary': {
      const mark = INFIX[e.op]
      if (mark === undefined) return `${e.op}(${inner(e.a)}, ${inner(e.b)})`
      const text = `${printOperand(e.a, names, true)} ${mark} ${printOperand(e.b, names, true)}`
      return nested ? `(${text})` : text
    }
    case 'select': return `select(${inner(e.condition)}, ${inner(e.a)}, ${inner(e.b)})`
    case 'cast': return `to_${e.to}(${inner(e.x)})`
    case 'narrow': return `narrow_${e.dtype}(${inner(e.x)})`
    case 'madd': return `madd(${inner(e.a)}, ${inner(e.b)}, ${inner(e.c)})`
    case 'bitcast': return `bits_${e.to}(${inner(e.x)})`
    case 'splat': return `splat(${inner(e.x)})`
    case 'vector': return `vector(${e.items.map(inner).join(', ')})`
    case 'lane': return `lane${e.lane}(${inner(e.x)})`
  }
}

function printConstant(type: string, value: number | string): string {
  const text = typeof value === 'string' ? value : Object.is(value, -0) ? '-0' : Number.isNaN(value) ? 'nan' : value === Infinity ? 'inf' : value === -Infinity ? '-inf' : String(value)
  if (type !== 'f32' || !/^[-\d]/.test(text) || text === '-inf') return `${type}(${text})`
  return /[.e]/.test(text) ? text : `${text}.0`
}

const range = (lo: Dim, hi: Dim, step: number): string => `[${printDim(lo)}, ${printDim(hi)})${step === 1 ? '' : ` step ${step}`}`

/** The lines of a statement, indented by `indent`. */
export function printStmt(s: Stmt, indent = ''): string {
  const block = (body: readonly Stmt[]): string => `{\n${body.map((t) => `${printStmt(t, `${indent}  `)}\n`).join('')}${indent}}`
  switch (s.kind) {
    case 'for': return `${indent}${s.parallel === true ? 'parallel ' : s.local === true ? 'local ' : ''}for ${printDim(s.variable)} in ${range(s.lo, s.hi, s.step)} ${block(s.body)}`
    case 'barrier': return `${indent}barrier`
    case 'fold': return `${indent}fold ${s.name} = ${s.op} ${printExpr(s.value)} in ${s.buffer}`
    case 'index': return `${indent}index ${printDim(s.name)} = ${printDim(s.value)}`
    case 'data-index': return `${indent}data-index ${printDim(s.name)} = ${printExpr(s.value)} ${s.sure === true ? 'surely ' : ''}within ${printDim(s.extent)}`
    case 'let': case 'var': return `${indent}${s.kind} ${s.name}: ${s.type} = ${printExpr(s.value)}`
    case 'set': return `${indent}set ${s.name} = ${printExpr(s.value)}`
    case 'set-all': return `${indent}set-all ${s.sets.map((t) => `${t.name} = ${printExpr(t.value)}`).join(', ')}`
    case 'store': return `${indent}${s.buffer}[${printDim(s.index)}] = ${printExpr(s.value)}`
    case 'if': return `${indent}if ${printExpr(s.condition)} ${block(s.then)}${s.else.length > 0 ? ` else ${block(s.else)}` : ''}`
  }
}

/** The text of a kernel; `parseKernel(printKernel(k))` is `k`. */
export function printKernel(kernel: Kernel): string {
  const buffers = kernel.buffers.map((b) => `  ${b.role} ${b.name}: ${b.dtype}[${printDim(b.length)}]${b.apart === true ? ' apart' : ''}\n`).join('')
  const shared = (kernel.shared ?? []).map((b) => `  shared ${b.name}: ${b.dtype}[${b.length}]\n`).join('')
  return `kernel ${kernel.name}(${kernel.params.map(printDim).join(', ')}) {\n${buffers}${shared}${kernel.body.map((s) => `${printStmt(s, '  ')}\n`).join('')}}\n`
}

/** What vectors of the kernel IR shaders have as they are. Kernels with anything else are written in scalars. */
import { isVector, typeOfExpr, type BinaryOp, type Expr, type RegisterType, type UnaryOp } from '../../ir/kernel/expr.js'
import type { Kernel } from '../../ir/kernel/kernel.js'
import { exprsOf, operandsOf, visitExprs, visitStmts } from '../../ir/kernel/walk.js'

const UNARY: ReadonlySet<UnaryOp> = new Set<UnaryOp>(['neg', 'abs', 'sqrt', 'rsqrt', 'exp', 'floor', 'ceil', 'trunc', 'round'])
const BINARY: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['add', 'sub', 'mul', 'div', 'min', 'max', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'])

/** True where WGSL has every operation on vectors in `kernel`, and no products of pairs, which only vectors of other targets have. */
export function hasShaderVectors(kernel: Kernel): boolean {
  const dtypes = new Map([...kernel.buffers, ...(kernel.shared ?? [])].map((b) => [b.name, b.dtype]))
  const typeOf = (e: Expr): RegisterType => typeOfExpr(e, (name) => dtypes.get(name) ?? 'float32')
  let fits = true
  visitStmts(kernel.body, (s) => visitExprs(exprsOf(s), (e) => { fits &&= !(e.kind === 'binary' && e.op === 'dot16') && ![e, ...operandsOf(e)].some((x) => isVector(typeOf(x))) || isWritten(e, typeOf) }))
  return fits
}

function isWritten(e: Expr, typeOf: (e: Expr) => RegisterType): boolean {
  switch (e.kind) {
    case 'load': case 'local': case 'splat': case 'vector': case 'lane': case 'madd': case 'select': case 'bitcast': return true
    case 'cast': return e.to === 'f32x4' || (e.to === 'i32x4' && typeOf(e.x) === 'i32x4')
    case 'unary': return UNARY.has(e.op) && (e.op === 'neg' || typeOf(e.x) === 'f32x4')
    case 'binary': return BINARY.has(e.op) && (e.op !== 'div' || typeOf(e.a) === 'f32x4') && typeOf(e.a) !== 'b32x4'
    default: return false
  }
}

/**
 * Legalize: kernels with only what a target has. What a target can never have is refused with the kernel's name; nothing is
 * narrowed silently. On js, float32 operands of operations with steps are rounded first.
 */
import { IngotError } from '../base/error.js'
import { DTYPES } from '../base/dtype.js'
import { REGISTER, type RegisterType } from '../ir/kernel/expr.js'
import type { Kernel } from '../ir/kernel/kernel.js'
import { exprsOf, visitExprs, visitStmts } from '../ir/kernel/walk.js'
import type { Target } from '../runtime/format.js'
import { scalarise } from './scalarise.js'
import { hasShaderVectors } from './wgsl/vectors.js'
import { roundBeforeSteps } from './js/round-steps.js'

/** Register types that a target lacks. */
const MISSING: Readonly<Record<Target, ReadonlySet<RegisterType>>> = {
  js: new Set<RegisterType>(),
  wasm: new Set<RegisterType>(),
  wgsl: new Set<RegisterType>(['i64', 'u64', 'f64']),
}

/** A kernel in what `target` has: in scalars where it has no lanes, or not all of their operations. Throws `unsupported-dtype` naming the kernel and the type. */
export function legalize(written: Kernel, target: Target): Kernel {
  const kernel = target === 'wasm' || (target === 'wgsl' && hasShaderVectors(written)) ? written : scalarise(written)
  const missing = MISSING[target]
  const refuse = (dtype: string, what: string): never => {
    throw new IngotError('unsupported-dtype', `kernel ${kernel.name} ${what}, which the ${target} target does not have`, { where: { origin: kernel.name, dtype }, hint: 'compile for the wasm or js target' })
  }
  for (const b of [...kernel.buffers, ...(kernel.shared ?? [])]) {
    if (DTYPES[b.dtype].kind === 'string' || DTYPES[b.dtype].bits < 8 || b.dtype.startsWith('float8')) refuse(b.dtype, `has the ${b.dtype} buffer ${b.name}`)
    if (missing.has(REGISTER[b.dtype])) refuse(b.dtype, `has the ${b.dtype} buffer ${b.name}`)
  }
  const check = (type: RegisterType): void => { if (missing.has(type)) refuse(type, `computes in ${type}`) }
  if (missing.size > 0) visitStmts(kernel.body, (s) => {
    if (s.kind === 'let' || s.kind === 'var') check(s.type)
    visitExprs(exprsOf(s), (e) => { if (e.kind === 'const' || e.kind === 'local') check(e.type); else if (e.kind === 'cast') check(e.to) })
  })
  return target === 'js' ? roundBeforeSteps(kernel) : kernel
}

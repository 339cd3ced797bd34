/** Types of expressions, checked through and through. */
import { DTYPES, isDType, type DType } from '../../base/dtype.js'
import type { Dim } from '../dims.js'
import { REGISTER, typeOfExpr, type BinaryOp, type Expr, type RegisterType, type UnaryOp } from './expr.js'

/** What an expression is checked against. `fail` throws. */
export interface ExprChecks {
  fail(what: string): never
  dtypeOf(buffer: string): DType
  typeOfLocal(name: string): RegisterType
  checkIndex(dim: Dim): void
  checkAccess(buffer: string, index: Dim): void
}

const FLOAT: ReadonlySet<RegisterType> = new Set<RegisterType>(['f32', 'f64'])
/** Operations that integers have too; all others take floats. */
const INTEGER_UNARY: ReadonlySet<UnaryOp> = new Set<UnaryOp>(['neg', 'abs', 'not', 'bitnot', 'floor', 'ceil', 'trunc', 'round', 'sign', 'isnan', 'isinf'])
const INTEGER_ONLY: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['and', 'or', 'xor', 'shl', 'shr'])

/** The type of `e`; shared sub-expressions are checked once. */
export function checkExpr(e: Expr, checks: ExprChecks, memo: Map<Expr, RegisterType> = new Map()): RegisterType {
  const known = memo.get(e)
  if (known !== undefined) return known
  const type = check(e, checks, memo)
  memo.set(e, type)
  return type
}

function check(e: Expr, checks: ExprChecks, memo: Map<Expr, RegisterType>): RegisterType {
  const of = (x: Expr): RegisterType => checkExpr(x, checks, memo)
  switch (e.kind) {
    case 'const':
      if (typeof e.value === 'string' && !isConstantText(e.type, e.value)) checks.fail(`'${e.value}' is no constant of type ${e.type}`)
      if (typeof e.value === 'number' && !FLOAT.has(e.type) && !Number.isInteger(e.value)) checks.fail(`${e.value} is no constant of type ${e.type}`)
      return e.type
    case 'index': checks.checkIndex(e.index); return 'i32'
    case 'load': {
      const [index] = e.index
      if (e.index.length !== 1 || index === undefined) return checks.fail(`a load of ${e.buffer} has ${e.index.length} indices; in a kernel it has one`)
      checks.checkIndex(index)
      checks.checkAccess(e.buffer, index)
      return REGISTER[checks.dtypeOf(e.buffer)]
    }
    case 'local': {
      const type = checks.typeOfLocal(e.name)
      return type === e.type ? type : checks.fail(`${e.name} is ${type} and is read as ${e.type}`)
    }
    case 'unary': {
      const type = of(e.x)
      if (e.op === 'not' && type !== 'bool') checks.fail(`not of ${type}`)
      if (e.op === 'bitnot' && FLOAT.has(type)) checks.fail(`bitnot of ${type}`)
      if (!INTEGER_UNARY.has(e.op) && !FLOAT.has(type)) checks.fail(`${e.op} of ${type}; it takes floats`)
      return e.op === 'isnan' || e.op === 'isinf' || e.op === 'not' ? 'bool' : type
    }
    case 'binary': {
      const a = of(e.a), b = of(e.b)
      if (a !== b) checks.fail(`${e.op} of ${a} and ${b}`)
      if (INTEGER_ONLY.has(e.op) && FLOAT.has(a)) checks.fail(`${e.op} of ${a}`)
      return typeOfExpr({ ...e, a: { kind: 'local', name: '', type: a } }, checks.dtypeOf)
    }
    case 'select': {
      const condition = of(e.condition), a = of(e.a), b = of(e.b)
      if (condition !== 'bool') checks.fail(`a select on ${condition}`)
      return a === b ? a : checks.fail(`a select between ${a} and ${b}`)
    }
    case 'cast': of(e.x); return e.to
    case 'narrow': {
      const type = of(e.x)
      if (!isDType(e.dtype) || DTYPES[e.dtype].kind === 'string') checks.fail(`narrow to ${e.dtype}`)
      return type === REGISTER[e.dtype] ? type : checks.fail(`narrow of ${type} to ${e.dtype}`)
    }
  }
}

function isConstantText(type: RegisterType, text: string): boolean {
  return FLOAT.has(type) ? ['nan', 'inf', '-inf', '-0'].includes(text) : /^-?\d+$/.test(text)
}

/** Types of expressions, checked through and through. */
import { DTYPES, isDType, type DType } from '../../base/dtype.js'
import type { Dim } from '../dims.js'
import { isVector, laneType, LANES, REGISTER, typeOfExpr, VECTOR_DTYPES, VECTOR_OF, vectorOf, type BinaryOp, type Expr, type RegisterType, type ScalarType, type UnaryOp } from './expr.js'

/** What an expression is checked against. `fail` throws. */
export interface ExprChecks {
  fail(what: string): never
  dtypeOf(buffer: string): DType
  typeOfLocal(name: string): RegisterType
  checkIndex(dim: Dim): void
  checkAccess(buffer: string, index: Dim, lanes: number): void
}

const FLOAT: ReadonlySet<RegisterType> = new Set<RegisterType>(['f32', 'f64', 'f32x4'])
const BOOL: ReadonlySet<RegisterType> = new Set<RegisterType>(['bool', 'b32x4'])
const SHIFTS: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['shl', 'shr'])
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
      if (isVector(e.type)) return checks.fail(`a constant of type ${e.type}; it is a splat of a scalar`)
      if (typeof e.value === 'string' && !isConstantText(e.type, e.value)) checks.fail(`'${e.value}' is no constant of type ${e.type}`)
      if (typeof e.value === 'number' && !FLOAT.has(e.type) && !Number.isInteger(e.value)) checks.fail(`${e.value} is no constant of type ${e.type}`)
      return e.type
    case 'index': checks.checkIndex(e.index); return 'i32'
    case 'load': {
      const [index] = e.index
      if (e.index.length !== 1 || index === undefined) return checks.fail(`a load of ${e.buffer} has ${e.index.length} indices; in a kernel it has one`)
      checks.checkIndex(index)
      checks.checkAccess(e.buffer, index, e.lanes ?? 1)
      const dtype = checks.dtypeOf(e.buffer)
      if (e.lanes === undefined) return REGISTER[dtype]
      return VECTOR_DTYPES.has(dtype) ? vectorOf(REGISTER[dtype]) : checks.fail(`a vector of ${dtype} is loaded`)
    }
    case 'local': {
      const type = checks.typeOfLocal(e.name)
      return type === e.type ? type : checks.fail(`${e.name} is ${type} and is read as ${e.type}`)
    }
    case 'unary': {
      const type = of(e.x)
      if (e.op === 'not' && !BOOL.has(type)) checks.fail(`not of ${type}`)
      if (e.op === 'bitnot' && FLOAT.has(type)) checks.fail(`bitnot of ${type}`)
      if (!INTEGER_UNARY.has(e.op) && !FLOAT.has(type)) checks.fail(`${e.op} of ${type}; it takes floats`)
      return typeOfExpr({ ...e, x: { kind: 'local', name: '', type } }, checks.dtypeOf)
    }
    case 'binary': {
      const a = of(e.a), b = of(e.b), shifts = isVector(a) && SHIFTS.has(e.op)
      if (shifts && b !== 'i32') checks.fail(`${e.op} of ${a} by ${b}; vectors are shifted by one i32`)
      if (a !== b && !shifts) checks.fail(`${e.op} of ${a} and ${b}`)
      if (INTEGER_ONLY.has(e.op) && FLOAT.has(a)) checks.fail(`${e.op} of ${a}`)
      if (e.op === 'dot16' && laneType(a) !== 'i32') checks.fail(`${e.op} of ${a}`)
      return typeOfExpr({ ...e, a: { kind: 'local', name: '', type: a } }, checks.dtypeOf)
    }
    case 'select': {
      const condition = of(e.condition), a = of(e.a), b = of(e.b)
      if (condition !== (isVector(a) ? 'b32x4' : 'bool')) checks.fail(`a select on ${condition}`)
      return a === b ? a : checks.fail(`a select between ${a} and ${b}`)
    }
    case 'madd': {
      const types = [of(e.a), of(e.b), of(e.c)]
      return types.every((t) => t === types[0] && FLOAT.has(t)) ? types[0] as RegisterType : checks.fail(`a madd of ${types.join(', ')}`)
    }
    case 'cast': {
      const type = of(e.x)
      return isVector(type) === isVector(e.to) ? e.to : checks.fail(`a cast from ${type} to ${e.to}`)
    }
    case 'bitcast': {
      const type = of(e.x)
      const fits = isVector(type) === isVector(e.to) && [type, e.to].every((t) => ['f32', 'i32'].includes(laneType(t)))
      return fits ? e.to : checks.fail(`the bits of ${type} as ${e.to}`)
    }
    case 'splat': { const type = of(e.x); return VECTOR_OF[type] ?? checks.fail(`a splat of ${type}`) }
    case 'vector': {
      const types = e.items.map(of), vector = VECTOR_OF[types[0] as RegisterType]
      return vector !== undefined && types.every((t) => t === types[0]) ? vector : checks.fail(`a vector of ${types.join(', ')}`)
    }
    case 'lane': {
      const type = of(e.x)
      if (!isVector(type) || !Number.isInteger(e.lane) || e.lane < 0 || e.lane >= LANES) checks.fail(`lane ${e.lane} of ${type}`)
      return laneType(type)
    }
    case 'narrow': {
      const type = of(e.x)
      if (!isDType(e.dtype) || DTYPES[e.dtype].kind === 'string') checks.fail(`narrow to ${e.dtype}`)
      return laneType(type) === REGISTER[e.dtype] && !isVector(type) ? type : checks.fail(`narrow of ${type} to ${e.dtype}`)
    }
  }
}

function isConstantText(type: ScalarType, text: string): boolean {
  return FLOAT.has(type) ? ['nan', 'inf', '-inf', '-0'].includes(text) : /^-?\d+$/.test(text)
}

/**
 * Goal: SiLU, swish, hard sigmoid, hard swish and mish written out become one op each.
 *
 *   %s = sigmoid(%x)
 *   %y = mul(%x, %s)                ⇒   %y = silu(%x)
 *
 *   %a = add(%x, 3)
 *   %b = clip{min: 0, max: 6}(%a)   ⇒   %y = hard_swish(%x)
 *   %c = mul(%x, %b)
 *   %y = div(%c, 6)
 *
 * x·sigmoid(α·x) is swish{alpha: α}; x/(1 + exp(−x)) is silu; clip(x + 3, 0, 6)/6 alone is hard_sigmoid{1/6, 1/2}, and so
 * is clip(x/6 + 1/2, 0, 1); x·tanh(softplus(x)) is mish.
 * Does not: take other slopes for hard swish, or gates of another value than the one they multiply.
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent. Leaves unused nodes to drop-dead.
 */
import type { Node, Value } from '../ir/graph.js'
import { withoutDeadNodes } from '../ir/rewrite.js'
import { splatOf } from './constants.js'
import { gatedProducts, toleranceFor, type GatedProduct } from './gated-product.js'
import { any, findMatch, op, scalar, valueOf } from './match.js'
import type { Pass } from './pass.js'
import { polynomialIn, polynomialsNear, type Polynomial } from './polynomial.js'
import { rewriteToFixpoint, type Rewriting, type Rule } from './rewriter.js'

export const recogniseSwish: Pass = {
  name: 'recognise-swish',
  doc: 'Finds SiLU, swish, hard sigmoid, hard swish and mish written out in elementwise ops.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => withoutDeadNodes(rewriteToFixpoint(graph, swishOf)),
}

const swishOf: Rule = (node, rewriting) => {
  for (const product of gatedProducts(node, rewriting)) {
    const known = ofProduct(product, rewriting)
    if (known !== undefined) return rewriting.replace(node, known.op, [product.x], known.attrs)
  }
  return siluByDivision(node, rewriting) ?? hardSigmoid(node, rewriting)
}

interface Known { readonly op: string; readonly attrs: Readonly<Record<string, number>> }

function ofProduct({ coefficient, x, gate }: GatedProduct, rewriting: Rewriting): Known | undefined {
  const node = rewriting.producer(gate)
  if (node === undefined) return undefined
  const near = (p: Polynomial | undefined, wanted: Polynomial): boolean => polynomialsNear(p, wanted, toleranceFor(x))
  const argument = node.inputs[0] === null || node.inputs[0] === undefined ? undefined : polynomialIn(node.inputs[0], x, rewriting)
  const unit = near([coefficient], [1])
  if (node.op === 'sigmoid' && unit && argument !== undefined) {
    if (near(argument, [0, 1])) return { op: 'silu', attrs: {} }
    const [shift, alpha, ...higher] = argument
    return shift === 0 && alpha !== undefined && higher.length === 0 ? { op: 'swish', attrs: { alpha } } : undefined
  }
  if (node.op === 'clip' && node.attrs['min'] === 0 && node.attrs['max'] === 6 && near([coefficient], [1 / 6]) && near(argument, [3, 1])) return { op: 'hard_swish', attrs: {} }
  if (node.op === 'hard_sigmoid' && unit && node.inputs[0] === x && near([Number(node.attrs['alpha'])], [1 / 6]) && node.attrs['beta'] === 0.5) return { op: 'hard_swish', attrs: {} }
  return unit && findMatch(op('tanh', [op('softplus', [any('x')])]), node, rewriting)?.values.get('x') === x ? { op: 'mish', attrs: {} } : undefined
}

const BY_DIVISION = op('div', [any('x'), op('add', [op('exp', [op('neg', [any('x')])]), scalar(1)])])

function siluByDivision(node: Node, rewriting: Rewriting): readonly Value[] | undefined {
  const found = node.op === 'div' ? findMatch(BY_DIVISION, node, rewriting) : undefined
  return found === undefined ? undefined : rewriting.replace(node, 'silu', [valueOf(found, 'x')], {})
}

/** clip(x + 3, 0, 6) times 1/6, or clip(x/6 + 1/2, 0, 1). */
function hardSigmoid(node: Node, rewriting: Rewriting): readonly Value[] | undefined {
  const scaled = node.op === 'clip' ? { clip: node, factor: 1 } : scaledClip(node, rewriting)
  const argument = scaled?.clip.inputs[0]
  if (scaled === undefined || argument === null || argument === undefined || scaled.clip.attrs['min'] !== 0) return undefined
  const add = rewriting.producer(argument)
  if (add?.op !== 'add') return undefined
  for (const x of linearBases(add, rewriting)) {
    const [shift, slope] = polynomialIn(argument, x, rewriting) ?? []
    if (shift === undefined || slope === undefined) continue
    const near = (p: Polynomial, wanted: Polynomial): boolean => polynomialsNear(p, wanted, toleranceFor(x))
    const whole = [Number(scaled.clip.attrs['max']) * scaled.factor, shift * scaled.factor, slope * scaled.factor]
    if (near(whole, [1, 0.5, 1 / 6])) return rewriting.replace(node, 'hard_sigmoid', [x], { alpha: 1 / 6, beta: 0.5 })
  }
  return undefined
}

function scaledClip(node: Node, rewriting: Rewriting): { readonly clip: Node; readonly factor: number } | undefined {
  if (node.op !== 'mul' && node.op !== 'div') return undefined
  const sides: readonly (readonly [Value | null | undefined, Value | null | undefined])[] = node.op === 'mul' ? [[node.inputs[0], node.inputs[1]], [node.inputs[1], node.inputs[0]]] : [[node.inputs[0], node.inputs[1]]]
  for (const [value, constant] of sides) {
    const factor = splatOf(constant)
    const clip = value === null || value === undefined ? undefined : rewriting.producer(value)
    if (factor !== undefined && clip?.op === 'clip') return { clip, factor: node.op === 'div' ? 1 / factor : factor }
  }
  return undefined
}

/** What an `add` may be linear in: its operands that are not constant, and what those scale. */
function linearBases(add: Node, rewriting: Rewriting): Value[] {
  const open = (values: readonly (Value | null)[]): Value[] => values.filter((v): v is Value => v !== null && splatOf(v) === undefined)
  return open(add.inputs).flatMap((v) => {
    const node = rewriting.producer(v)
    return node?.op === 'mul' || node?.op === 'div' ? [v, ...open(node.inputs)] : [v]
  })
}

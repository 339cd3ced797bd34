/** The passes by name, the order they run in by default, and the runner. */
import { IngotError } from '../base/error.js'
import { STAGES, type Graph } from '../ir/graph.js'
import { verifyGraph } from '../ir/verify.js'
import type { Pass } from './pass.js'
import { canonicalize } from './canonicalize.js'
import { chooseFloatProducts } from './choose-float-products.js'
import { chooseLayout } from './choose-layout.js'
import { choosePairedProducts } from './choose-paired-products.js'
import { choosePrepared } from './choose-prepared.js'
import { chooseWinograd } from './choose-winograd.js'
import { dropDead } from './drop-dead.js'
import { expandBatchNorm } from './expand-batch-norm.js'
import { expandPadding } from './expand-padding.js'
import { foldConstants } from './fold-constants.js'
import { foldConvBatchnorm } from './fold-conv-batchnorm.js'
import { functionalize } from './functionalize.js'
import { fuse } from './fuse.js'
import { fuseMovement } from './fuse-movement.js'
import { mergeBranches } from './merge-branches.js'
import { recogniseAttention } from './recognise-attention.js'
import { recogniseGelu } from './recognise-gelu.js'
import { recogniseGroupNorm } from './recognise-group-norm.js'
import { recogniseLayerNorm } from './recognise-layer-norm.js'
import { recogniseSoftmax } from './recognise-softmax.js'
import { recogniseSwish } from './recognise-swish.js'
import { shareCommon } from './share-common.js'
import { simplifyArithmetic } from './simplify-arithmetic.js'
import { splitRecurrence } from './split-recurrence.js'
import { splitWideJoins } from './split-wide-joins.js'
import { stripAutograd } from './strip-autograd.js'
import { stripVersion } from './strip-version.js'
import { unfoldConstants } from './unfold-constants.js'

const LIST: readonly Pass[] = [
  functionalize, stripAutograd, stripVersion,
  foldConstants, canonicalize, mergeBranches, simplifyArithmetic, choosePairedProducts, chooseFloatProducts, shareCommon, dropDead,
  recogniseLayerNorm, recogniseGroupNorm, recogniseSoftmax, recogniseGelu, recogniseSwish,
  foldConvBatchnorm, expandBatchNorm, recogniseAttention, expandPadding, splitWideJoins, splitRecurrence, fuse, fuseMovement, chooseLayout, chooseWinograd, unfoldConstants, choosePrepared,
]

/** All passes by name. */
export const PASSES: ReadonlyMap<string, Pass> = new Map(LIST.map((pass) => [pass.name, pass]))

/** The passes that `compile` runs on every graph, in order; targets add their own (`expand-padding`, `recognise-attention`) before `fuse`. */
export const DEFAULT_PIPELINE: readonly string[] = [
  'functionalize', 'strip-autograd', 'strip-version',
  'fold-constants', 'canonicalize', 'merge-branches', 'share-common', 'drop-dead',
  'recognise-layer-norm', 'recognise-group-norm', 'recognise-softmax', 'recognise-gelu', 'recognise-swish', 'fold-conv-batchnorm', 'expand-batch-norm',
  'choose-float-products', 'simplify-arithmetic', 'fold-constants', 'canonicalize', 'share-common', 'drop-dead',
  'fuse',
]

export interface RunPassesOptions {
  /** Checks the graph after every pass; throws `verify-graph` naming the pass. */
  readonly verify?: boolean
  /** Called after each pass with its result and the milliseconds it took. */
  readonly onPass?: (name: string, graph: Graph, ms: number) => void
}

/** The pass of that name; throws `unknown-pass` listing all names. */
export function getPass(name: string): Pass {
  const pass = PASSES.get(name)
  if (pass === undefined) throw new IngotError('unknown-pass', `there is no pass named '${name}'`, { hint: `the passes are ${[...PASSES.keys()].join(', ')}` })
  return pass
}

/** Runs the named passes in order. Throws `unknown-pass` before anything runs, and `wrong-stage` where a pass does not take the graph it would get. */
export function runPasses(graph: Graph, names: readonly string[], options: RunPassesOptions = {}): Graph {
  const passes = names.map(getPass)
  let current = graph
  for (const pass of passes) {
    checkStage(pass, current)
    const start = performance.now()
    current = pass.run(current)
    if (pass.ensures !== undefined && STAGES.indexOf(pass.ensures) > STAGES.indexOf(current.stage)) current = { ...current, stage: pass.ensures }
    const ms = performance.now() - start
    if (options.verify === true) verifyAfter(pass, current)
    options.onPass?.(pass.name, current, ms)
  }
  return current
}

function checkStage(pass: Pass, graph: Graph): void {
  const early = STAGES.indexOf(graph.stage) < STAGES.indexOf(pass.needs)
  const late = graph.stage === 'fused' && pass.needs !== 'fused'
  if (!early && !late) return
  throw new IngotError('wrong-stage', `pass '${pass.name}' takes graphs of stage '${pass.needs}'${late ? ' that are not fused yet' : ' or later'}, but '${graph.name}' is '${graph.stage}'`, {
    hint: early ? `run the passes that come before it first: ${DEFAULT_PIPELINE.slice(0, DEFAULT_PIPELINE.indexOf(pass.name)).join(', ')}` : 'fuse once, as the last step',
  })
}

function verifyAfter(pass: Pass, graph: Graph): void {
  try {
    verifyGraph(graph)
  } catch (error) {
    if (!(error instanceof IngotError)) throw error
    throw new IngotError(error.code, `after pass '${pass.name}': ${error.what}`, { where: error.where, ...(error.hint !== undefined && { hint: error.hint }), cause: error })
  }
}

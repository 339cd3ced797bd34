/** Which families of functions are methods of tensors. */
import * as arithmetic from './arithmetic.js'
import * as comparison from './comparison.js'
import * as contractions from './contractions.js'
import * as conversion from './conversion.js'
import * as extremes from './extremes.js'
import * as inPlace from './in-place.js'
import * as indexing from './indexing.js'
import * as logic from './logic.js'
import * as movement from './movement.js'
import * as ordering from './ordering.js'
import * as pointwise from './pointwise.js'
import * as reductions from './reductions.js'
import * as softmax from './softmax.js'
import type { Methods } from './methods.js'

/** The families; a function, because modules of the tracer import each other and only declarations are there from the start. */
export function methodFamilies(): readonly object[] {
  return [arithmetic, pointwise, conversion, contractions, comparison, logic, reductions, softmax, extremes, ordering, movement, indexing, inPlace]
}

/** The methods that they give. */
export type TensorMethods = Methods<typeof arithmetic> & Methods<typeof pointwise> & Methods<typeof conversion> & Methods<typeof contractions> & Methods<typeof comparison>
  & Methods<typeof logic> & Methods<typeof reductions> & Methods<typeof softmax> & Methods<typeof ordering> & Methods<typeof movement>
  & Methods<typeof indexing> & Methods<typeof inPlace>
  & extremes.ExtremeMethods & Omit<Methods<typeof extremes>, 'max' | 'min'>

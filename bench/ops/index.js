/** All single operations, by group. */
import { depthwiseConvolutions, mobilenetConvolutions, resnetConvolutions } from './convolutions.js'
import { products } from './products.js'
import { quantisedOperations } from './quantised.js'
import { rows } from './rows.js'

export const OPS = { products, resnet: resnetConvolutions, mobilenet: mobilenetConvolutions, depthwise: depthwiseConvolutions, quantised: quantisedOperations, rows }

/** Functions of neural networks without state, as `functional`. Source: torch.nn.functional. */
export { linear } from './contractions.js'
export { celu, elu, gelu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leakyRelu, logsigmoid, mish, prelu, relu6, selu, silu, softplus, softshrink, softsign, tanhshrink, threshold } from './activations.js'
export { scaledDotProductAttention, type AttentionOptions } from './attention.js'
export { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d, type ConvOptions, type ConvTransposeOptions } from './convolution.js'
export { pad, pixelShuffle, pixelUnshuffle } from './copies.js'
export { dropout } from './dropout.js'
export { embedding } from './embedding.js'
export { oneHot } from './indexing.js'
export {
  binaryCrossEntropy, binaryCrossEntropyWithLogits, cosineSimilarity, crossEntropy, huberLoss, klDiv, l1Loss, mseLoss, nllLoss, smoothL1Loss,
  type ClassLossOptions, type CrossEntropyOptions, type LossOptions, type Reduction,
} from './losses.js'
export { batchNorm, groupNorm, instanceNorm, layerNorm, localResponseNorm, normalize, rmsNorm, type BatchNormOptions } from './normalization.js'
export {
  adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveMaxPool2d, avgPool1d, avgPool2d, avgPool3d, maxPool1d, maxPool2d, maxPool3d,
  type AvgPoolOptions, type MaxPoolOptions, type PoolOptions,
} from './pooling.js'
export { relu, sigmoid, tanh } from './pointwise.js'
export { interpolate, type InterpolateOptions } from './resampling.js'
export { logSoftmax, softmax, softmin, type SoftmaxOptions } from './softmax.js'

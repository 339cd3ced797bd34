/** The convolutions of ResNet-50 and MobileNetV2 at 224×224, each shape once, with bias and activation. */
import { functional } from '../../dist/src/index.js'
import { opCase, weight } from './case.js'

/** Input extent, input channels, output channels, kernel, stride. */
const RESNET50 = [
  [224, 3, 64, 7, 2], [56, 64, 64, 1, 1], [56, 64, 64, 3, 1], [56, 64, 256, 1, 1], [56, 256, 64, 1, 1], [56, 256, 128, 1, 1], [56, 128, 128, 3, 2],
  [56, 256, 512, 1, 2], [28, 128, 128, 3, 1], [28, 128, 512, 1, 1], [28, 512, 128, 1, 1], [28, 512, 256, 1, 1], [28, 256, 256, 3, 2], [28, 512, 1024, 1, 2],
  [14, 256, 256, 3, 1], [14, 256, 1024, 1, 1], [14, 1024, 256, 1, 1], [14, 1024, 512, 1, 1], [14, 512, 512, 3, 2], [14, 1024, 2048, 1, 2],
  [7, 512, 512, 3, 1], [7, 512, 2048, 1, 1], [7, 2048, 512, 1, 1],
]
const MOBILENETV2 = [
  [224, 3, 32, 3, 2], [112, 32, 16, 1, 1], [112, 16, 96, 1, 1], [56, 96, 24, 1, 1], [56, 24, 144, 1, 1], [56, 144, 24, 1, 1], [28, 144, 32, 1, 1], [28, 32, 192, 1, 1],
  [28, 192, 32, 1, 1], [14, 192, 64, 1, 1], [14, 64, 384, 1, 1], [14, 384, 64, 1, 1], [14, 384, 96, 1, 1], [14, 96, 576, 1, 1], [14, 576, 96, 1, 1],
  [7, 576, 160, 1, 1], [7, 160, 960, 1, 1], [7, 960, 160, 1, 1], [7, 960, 320, 1, 1], [7, 320, 1280, 1, 1],
]
/** Input extent, channels, stride; 3×3. */
const DEPTHWISE = [[112, 32, 1], [112, 96, 2], [56, 144, 1], [56, 144, 2], [28, 192, 1], [28, 192, 2], [14, 384, 1], [14, 576, 1], [14, 576, 2], [7, 960, 1]]

const ACTIVATIONS = { relu: functional.relu, relu6: functional.relu6 }

function convolution(group, activation, [extent, channels, out, kernel, stride], { depthwise = false, alsoPeers = false } = {}) {
  const groups = depthwise ? channels : 1, padding = kernel >> 1, outExtent = Math.ceil(extent / stride)
  const w = weight([out, channels / groups, kernel, kernel], 5), b = weight([out], 6)
  const fn = (x) => ACTIVATIONS[activation](functional.conv2d(x, w, b, { stride, padding, groups }))
  const name = depthwise ? `${extent}² × ${channels}, stride ${stride}` : `${kernel}×${kernel}${stride > 1 ? `, stride ${stride}` : ''}: ${extent}² × ${channels} → ${out}`
  const peer = alsoPeers && { kind: depthwise ? 'depthwise' : 'convolution', extent, channels, out, kernel, stride, padding, activation }
  // Kernels before and after it that are no part of it: a pooling whose result has the extent, and a mean.
  const inNet = { fn: (x) => fn(functional.maxPool2d(x, 2, { stride: 1 })).mean([2, 3]), shapes: [[1, channels, extent + 1, extent + 1]], steps: /^(conv|winograd|pad)/ }
  return opCase(group, name, fn, [[1, channels, extent, extent]], {
    inNet,
    flops: (2 * out * outExtent ** 2 * kernel ** 2 * channels) / groups, exact: kernel === 3 && stride === 1 && !depthwise, ...(peer && { tfjs: peer, ...(!depthwise && { jax: peer }) }),
  })
}

const isCommon = (extent) => extent === 56
export const resnetConvolutions = RESNET50.map((c) => convolution('ResNet-50', 'relu', c, { alsoPeers: c[3] === 3 && isCommon(c[0]) }))
export const mobilenetConvolutions = MOBILENETV2.map((c) => convolution('MobileNetV2', 'relu6', c, { alsoPeers: c[2] === 144 }))
export const depthwiseConvolutions = DEPTHWISE.map(([extent, channels, stride]) => convolution('depthwise', 'relu6', [extent, channels, channels, 3, stride], { depthwise: true, alsoPeers: isCommon(extent) }))

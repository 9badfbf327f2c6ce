import Foundation
import Learning
import StageKit
import Testing

/// A tensor in Float64, row-major.
struct Volume {
  var shape: [Int]
  var values: [Double]

  init(_ shape: [Int], _ values: [Double]) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values of \(shape)")
    self.shape = shape
    self.values = values
  }

  /// Sizes of up to three spatial dimensions, those that are missing first, as 1.
  var space: [Int] { padded(Array(shape.dropFirst(2)), with: 1) }
  var places: Int { shape.dropFirst(2).reduce(1, *) }

  func map(_ change: (Double) -> Double) -> Volume { Volume(shape, values.map(change)) }
}

private func padded(_ sizes: [Int], with value: Int) -> [Int] {
  [Int](repeating: value, count: 3 - sizes.count) + sizes
}

/// An element of a kernel and the cell under it.
private typealias Tap = (tap: Int, cell: Int)

/// A window's settings along one dimension.
private struct Axis {
  var size: Int
  var kernel: Int
  var stride: Int
  var padding: Int
  var dilation: Int

  /// For each place of the window, what lies under it inside the input.
  var taps: [[Tap]] {
    let room = size + 2 * padding - (kernel - 1) * dilation - 1
    return (0...room / stride).map { place in
      (0..<kernel).compactMap { tap in
        let cell = place * stride - padding + tap * dilation
        return cell >= 0 && cell < size ? (tap, cell) : nil
      }
    }
  }
}

/// Layers and networks in Float64, written down from their definitions alone: loops over all
/// elements, in training, with parameters by name.
struct Reference {
  var parameters: [String: Volume]

  subscript(name: String) -> Volume {
    guard let volume = parameters[name] else { preconditionFailure("no parameter '\(name)'") }
    return volume
  }

  // MARK: Layers

  /// The result of a layer whose settings are public.
  func evaluate(_ layer: any Layer, _ x: Volume) throws -> Volume {
    switch layer {
    case let layer as Convolution:
      return convolution(layer.name, x, layer.window, groups: layer.groups)
    case let layer as BatchNorm: return norm(layer.name, x, rectified: layer.isRectified)
    case is ReLU: return x.map { max($0, 0) }
    case is Sigmoid: return x.map { 1 / (1 + exp(-$0)) }
    case let layer as Pooling: return pooling(x, layer.kind, layer.window)
    case let layer as Linear: return linear(layer.name, x)
    case let layer as SqueezeExcitation: return excitation(layer.name, x)
    default: throw LearningError(.badSetting, "no reference for \(type(of: layer))")
    }
  }

  func convolution(_ name: String, _ x: Volume, _ window: Window, groups: Int = 1) -> Volume {
    let weights = self["\(name).weight"]
    let (outputs, inner) = (weights.shape[0], weights.shape[1])
    let bias = parameters["\(name).bias"]
    let taps = weights.places
    return slide(window, over: x, channels: outputs) { image, output, cells in
      let first = output / (outputs / groups) * inner
      var sum = bias?.values[output] ?? 0
      for input in 0..<inner {
        let plane = (image * x.shape[1] + first + input) * x.places
        let row = (output * inner + input) * taps
        for (tap, cell) in cells { sum += x.values[plane + cell] * weights.values[row + tap] }
      }
      return sum
    }
  }

  func pooling(_ x: Volume, _ kind: Pooling.Kind, _ window: Window?) -> Volume {
    let window = window ?? Window(Array(x.shape.dropFirst(2)))
    return slide(window, over: x, channels: x.shape[1]) { image, channel, cells in
      let plane = (image * x.shape[1] + channel) * x.places
      let values = cells.map { x.values[plane + $0.cell] }
      return kind == .maximum
        ? values.max() ?? 0 : values.reduce(0, +) / Double(values.count)
    }
  }

  /// Calls `value` with image, channel, and the cells under the window with their taps.
  private func slide(
    _ window: Window, over x: Volume, channels: Int,
    _ value: (Int, Int, [(tap: Int, cell: Int)]) -> Double
  ) -> Volume {
    let size = x.space
    let axes = (0..<3).map { axis in
      Axis(
        size: size[axis], kernel: padded(window.kernel, with: 1)[axis],
        stride: padded(window.stride, with: 1)[axis],
        padding: padded(window.padding, with: 0)[axis],
        dilation: padded(window.dilation, with: 1)[axis])
    }
    let reach = axes.map(\.taps)
    var under: [[(tap: Int, cell: Int)]] = []
    for t in reach[0] {
      for h in reach[1] {
        for w in reach[2] { under.append(cells(t, h, w, axes)) }
      }
    }
    var values: [Double] = []
    for image in 0..<x.shape[0] {
      for channel in 0..<channels { values += under.map { value(image, channel, $0) } }
    }
    let rank = x.shape.count - 2
    return Volume([x.shape[0], channels] + reach.map(\.count).suffix(rank), values)
  }

  /// The cells of three dimensions out of those of each.
  private func cells(_ t: [Tap], _ h: [Tap], _ w: [Tap], _ axes: [Axis]) -> [Tap] {
    var cells: [Tap] = []
    for a in t {
      for b in h {
        let tap = (a.tap * axes[1].kernel + b.tap) * axes[2].kernel
        let cell = (a.cell * axes[1].size + b.cell) * axes[2].size
        for c in w { cells.append((tap + c.tap, cell + c.cell)) }
      }
    }
    return cells
  }

  func norm(_ name: String, _ x: Volume, rectified: Bool) -> Volume {
    let (scale, shift) = (self["\(name).weight"].values, self["\(name).bias"].values)
    let (images, channels, places) = (x.shape[0], x.shape[1], x.places)
    var y = x
    for channel in 0..<channels {
      let cells = (0..<images).flatMap { image in
        (0..<places).map { (image * channels + channel) * places + $0 }
      }
      let mean = cells.reduce(0) { $0 + x.values[$1] } / Double(cells.count)
      let squares = cells.map { (x.values[$0] - mean) * (x.values[$0] - mean) }
      let variance = squares.reduce(0, +) / Double(cells.count)
      // As the layer has it, in float32.
      let factor = scale[channel] / (variance + Double(Float(1e-5))).squareRoot()
      for cell in cells {
        let value = (x.values[cell] - mean) * factor + shift[channel]
        y.values[cell] = rectified ? max(value, 0) : value
      }
    }
    return y
  }

  func linear(_ name: String, _ x: Volume) -> Volume {
    let (weights, bias) = (self["\(name).weight"], self["\(name).bias"].values)
    let (outputs, inputs) = (weights.shape[0], weights.shape[1])
    let values = (0..<x.shape[0]).flatMap { row in
      (0..<outputs).map { output in
        (0..<inputs).reduce(bias[output]) {
          $0 + x.values[row * inputs + $1] * weights.values[output * inputs + $1]
        }
      }
    }
    return Volume([x.shape[0], outputs], values)
  }

  func excitation(_ name: String, _ x: Volume) -> Volume {
    let squeezed = linear("\(name).fc1", pooling(x, .average, nil)).map { max($0, 0) }
    let gates = linear("\(name).fc2", squeezed).map { 1 / (1 + exp(-$0)) }
    let places = x.places
    return Volume(
      x.shape, x.values.enumerated().map { $0.element * gates.values[$0.offset / places] })
  }

  // MARK: Networks

  /// A convolution and its batch norm.
  func normed(
    _ names: (String, String), _ x: Volume, _ window: Window, groups: Int = 1, rectified: Bool
  ) -> Volume {
    norm(names.1, convolution(names.0, x, window, groups: groups), rectified: rectified)
  }

  func joined(_ name: String, _ y: Volume, _ around: Volume) -> Volume {
    let excites = parameters["\(name).se.fc1.weight"] != nil
    let gated = excites ? excitation("\(name).se", y) : y
    return Volume(y.shape, zip(gated.values, around.values).map { max($0 + $1, 0) })
  }

  /// Every second place, then channels of zeros.
  func thinned(_ x: Volume, channels: Int, stride: [Int]) -> Volume {
    let thinned = pooling(x, .average, Window([1, 1, 1], stride: stride))
    let missing = (channels - x.shape[1]) * thinned.places
    let size = x.shape[1] * thinned.places
    let values = (0..<x.shape[0]).flatMap { image in
      thinned.values[image * size..<(image + 1) * size] + [Double](repeating: 0, count: missing)
    }
    return Volume([x.shape[0], channels] + thinned.shape.dropFirst(2), values)
  }

  func resNet3D(_ x: Volume, _ variant: ResNet3D.Variant, dilates: Bool) -> Volume {
    var x = x
    switch variant {
    case .torchvision:
      let window = Window([3, 7, 7], stride: [1, 2, 2], padding: [1, 3, 3])
      x = normed(("stem.0", "stem.1"), x, window, rectified: true)
    case .jing:
      let window = Window([7, 7, 7], stride: [1, 2, 2], padding: [3, 3, 3])
      let pool = Window([3, 3, 3], stride: [2, 2, 2], padding: [1, 1, 1])
      x = pooling(normed(("conv1", "bn1"), x, window, rectified: true), .maximum, pool)
    }
    for stage in 1...4 {
      for block in 0..<2 {
        let name = "layer\(stage).\(block)"
        let isDilated = dilates && stage == 4
        let spatial = isDilated ? 1 : 2
        let stride = stage > 1 && block == 0 ? [2, spatial, spatial] : [1, 1, 1]
        let rates = isDilated ? [block == 0 ? 1 : 2, 2] : [1, 1]
        func convolved(_ number: Int, _ x: Volume) -> Volume {
          let rate = rates[number - 1]
          let names =
            variant == .jing
            ? ("\(name).conv\(number)", "\(name).bn\(number)")
            : ("\(name).conv\(number).0", "\(name).conv\(number).1")
          return normed(
            names, x,
            Window(
              [3, 3, 3], stride: number == 1 ? stride : [1, 1, 1], padding: [1, rate, rate],
              dilation: [1, rate, rate]), rectified: number == 1)
        }
        let y = convolved(2, convolved(1, x))
        var around = x
        if parameters["\(name).downsample.0.weight"] != nil {
          around = normed(
            ("\(name).downsample.0", "\(name).downsample.1"), x,
            Window([1, 1, 1], stride: stride), rectified: false)
        } else if stride != [1, 1, 1] {
          around = thinned(x, channels: y.shape[1], stride: stride)
        }
        x = joined(name, y, around)
      }
    }
    return pooling(x, .average, nil)
  }

  func seResNeXt(_ x: Volume, groups: Int, dilates: Bool) -> Volume {
    let window = Window([7, 7], stride: [2, 2], padding: [3, 3])
    let pool = Window([3, 3], stride: [2, 2], padding: [1, 1])
    var x = pooling(normed(("conv1", "bn1"), x, window, rectified: true), .maximum, pool)
    let point = Window([1, 1])
    for (stage, count) in zip(1...4, [3, 4, 6, 3]) {
      for block in 0..<count {
        let name = "layer\(stage).\(block)"
        func names(_ number: Int) -> (String, String) {
          ("\(name).conv\(number)", "\(name).bn\(number)")
        }
        let rate =
          !dilates || stage < 3 ? 1 : stage == 3 ? (block == 0 ? 1 : 2) : (block == 0 ? 2 : 4)
        let stride = block == 0 && (stage == 2 || stage > 2 && !dilates) ? 2 : 1
        let grouped = Window(
          [3, 3], stride: [stride, stride], padding: [rate, rate], dilation: [rate, rate])
        var y = normed(names(1), x, point, rectified: true)
        y = normed(names(2), y, grouped, groups: groups, rectified: true)
        y = normed(names(3), y, point, rectified: false)
        let around =
          block > 0
          ? x
          : normed(
            ("\(name).downsample.0", "\(name).downsample.1"), x,
            Window([1, 1], stride: [stride, stride]), rectified: false)
        x = joined(name, y, around)
      }
    }
    return x
  }

  func attention(_ x: Volume) -> Volume {
    let around = Window([7, 7], padding: [3, 3])
    let point = Window([1, 1])
    var y = convolution("attention.depthwise", x, around, groups: x.shape[1])
    for name in ["conv1", "conv2", "conv3"] {
      y = convolution("attention.\(name)", y.map { max($0, 0) }, point)
    }
    return y
  }

  func classes(_ x: Volume) -> Volume {
    let point = Window([1, 1])
    let y = convolution("classes.conv1", x, point).map { max($0, 0) }
    return pooling(convolution("classes.conv2", y, point), .average, nil)
  }

  func pairwise(_ name: String, _ x: Volume, pieces: Int) -> Volume {
    let isEncoded = parameters["\(name).piece.weight"] != nil
    let encoded = isEncoded ? linear("\(name).piece", x).map { max($0, 0) } : x
    let width = encoded.values.count / x.shape[0]
    func piece(_ row: Int) -> ArraySlice<Double> {
      encoded.values[row * width..<(row + 1) * width]
    }
    var pairs: [Double] = []
    for sample in stride(from: 0, to: x.shape[0], by: pieces) {
      for first in sample..<sample + pieces {
        for second in first + 1..<sample + pieces { pairs += piece(first) + piece(second) }
      }
    }
    let hidden = linear("\(name).pair", Volume([pairs.count / (2 * width), 2 * width], pairs))
    let samples = x.shape[0] / pieces
    let joined = [samples, hidden.values.count / samples]
    return linear("\(name).classes", Volume(joined, hidden.values.map { max($0, 0) }))
  }

  func projection(_ name: String, _ x: Volume) -> Volume {
    var (y, place) = (x, 0)
    while true {
      y = linear("\(name).\(place)", y)
      if parameters["\(name).\(place + 1).weight"] != nil {
        (y, place) = (norm("\(name).\(place + 1)", y, rectified: true), place + 3)
      } else if parameters["\(name).\(place + 2).weight"] != nil {
        (y, place) = (y.map { max($0, 0) }, place + 2)
      } else {
        return y
      }
    }
  }
}

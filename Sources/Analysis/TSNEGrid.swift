internal import Foundation

/// A square of boxes over an embedding, each with 3 x 3 nodes, on which the points' repulsion is a
/// convolution: O(n + m log m) time for m nodes.
///
/// Every point is spread over the nodes of its box by quadratic polynomials, the nodes' push on each
/// other is found by Fourier transforms, and a point's is read off its box by the same polynomials.
/// Sums that are only needed once are taken among the frequencies.
///
/// Source: Linderman et al. (2019), FIt-SNE, with their 3 nodes and at least 50 boxes of a side at
/// most 1. Departs from it: the force (y_i − y_j) K² is one kernel of its own, where the paper takes
/// differences of sums over K² that cancel; Z is a sum over frequencies.
final class InterpolationGrid: @unchecked Sendable {  // Threads write to disjoint rows or columns.
  /// Of a box along each axis.
  private static let perBox = 3
  /// Frequencies that are transformed at once.
  private static let lanes = 8
  private static let fewestBoxes = 50
  /// Keeps the grid in memory where points fly far apart: boxes grow wider instead.
  private static let mostBoxes = 1080

  let boxes: Int
  /// Side of a box.
  let width: Float
  /// Nodes along an axis; a sequence with as many zeros behind it is what is transformed.
  private let nodes: Int
  private var length: Int { 2 * nodes }
  /// Frequencies of a row, filled up to whole lanes.
  private let pitch: Int

  private let rowPlan: FourierPlan
  private let inverseRowPlan: FourierPlan
  private let columnPlan: FourierPlan
  private let inverseColumnPlan: FourierPlan
  /// `[nodes, pitch]`: frequencies of the points on each row of nodes.
  private let points: AlignedBuffer<SIMD2<Float>>
  /// `[nodes, pitch]` each: frequencies of both components of the force.
  private let forces: [AlignedBuffer<SIMD2<Float>>]
  /// `[nodes + 1, pitch]`: the transform of K = 1 / (1 + d²), scaled to add up to Z; even along both
  /// axes.
  private let kernel: AlignedBuffer<Float>
  /// `[nodes + 1, pitch]` each: the transforms of the components of d K², over i and scaled for the
  /// way back; odd along the component's own axis.
  private let slopes: [AlignedBuffer<Float>]

  /// How many boxes of what width cover an extent.
  ///
  /// Widths below 1 are powers of the fourth root of 2 and counts products of 2, 3 and 5, so that a
  /// grid serves for many iterations.
  static func size(covering extent: Float) -> (boxes: Int, width: Float) {
    let needed = Double(max(extent, 1e-6)) * 1.0001
    if needed <= Double(fewestBoxes) {
      let step = (4 * log2(needed / Double(fewestBoxes))).rounded(.up)
      return (fewestBoxes, Float(exp2(step / 4)))
    }
    guard needed <= Double(mostBoxes) else { return (mostBoxes, Float(needed / Double(mostBoxes))) }
    func isSmooth(_ count: Int) -> Bool {
      var rest = count
      for factor in [2, 3, 5] { while rest % factor == 0 { rest /= factor } }
      return rest == 1
    }
    var boxes = Int(needed.rounded(.up))
    while !isSmooth(boxes) { boxes += 1 }
    return (boxes, 1)
  }

  init(boxes: Int, width: Float) {
    self.boxes = boxes
    self.width = width
    let (perBox, lanes) = (InterpolationGrid.perBox, InterpolationGrid.lanes)
    nodes = perBox * boxes
    let length = 2 * nodes
    pitch = (nodes + lanes) / lanes * lanes
    rowPlan = .rows(length: length, count: perBox, pitch: pitch)
    inverseRowPlan = .inverseRows(length: length, count: perBox, pitch: pitch)
    columnPlan = .columns(length: length, count: lanes, inverse: false)
    inverseColumnPlan = .columns(length: length, count: lanes, inverse: true)
    let (nodes, pitch) = (nodes, pitch)
    points = AlignedBuffer(count: nodes * pitch)
    forces = (0..<2).map { _ in AlignedBuffer(count: nodes * pitch) }

    // Both kernels are symmetric, so that their values at 0...nodes are all that is needed.
    let side = nodes + 1
    let spacing = width / Float(perBox)
    func squareDistance(_ row: Int, _ column: Int) -> Float {
      let (dx, dy) = (Float(row) * spacing, Float(column) * spacing)
      return dx * dx + dy * dy
    }
    let even = AlignedBuffer<Float>(count: side * side)
    for row in 0..<side {
      for column in 0..<side {
        even.start[row * side + column] = 1 / (1 + squareDistance(row, column))
      }
    }
    FourierPlan.realMatrix(rows: side, columns: side, oddRows: false).run(inPlace: even.start)
    // Odd, so 0 at 0 and at `nodes`, which are left out.
    let odd = AlignedBuffer<Float>(count: (nodes - 1) * side)
    for row in 1..<nodes {
      for column in 0..<side {
        let sum = 1 + squareDistance(row, column)
        odd.start[(row - 1) * side + column] = Float(row) * spacing / (sum * sum)
      }
    }
    FourierPlan.realMatrix(rows: nodes - 1, columns: side, oddRows: true).run(inPlace: odd.start)

    let scale = 1 / (Float(length) * Float(length))
    kernel = AlignedBuffer(count: side * pitch)
    slopes = (0..<2).map { _ in AlignedBuffer(count: side * pitch) }
    for row in 0..<side {
      for column in 0..<side {
        // All columns but the first and the last stand for their mirror images too.
        let copies: Float = column == 0 || column == nodes ? 1 : 2
        kernel.start[row * pitch + column] = even.start[row * side + column] * copies * scale
        guard row > 0, row < nodes else { continue }
        // The transform of an odd sequence is −i times its sines.
        let slope = -odd.start[(row - 1) * side + column] * scale
        slopes[0].start[row * pitch + column] = slope
        slopes[1].start[column * pitch + row] = slope
      }
    }
  }

  /// The repulsion between points that the grid's boxes cover, whatever the grid's place.
  ///
  /// - Parameter middle: where the middle of the boxes is laid
  func repulsion(
    of positions: [SIMD2<Float>], middle: SIMD2<Float>, threads: Int
  ) -> Repulsion {
    let places = positions.map { place(of: $0, middle: middle) }
    // The points of each row of boxes, in order.
    var starts = [Int](repeating: 0, count: boxes + 1)
    for place in places { starts[Int(place.box.x) + 1] += 1 }
    for row in 0..<boxes { starts[row + 1] += starts[row] }
    var next = starts
    var order = [Int32](repeating: 0, count: positions.count)
    for (index, place) in places.enumerated() {
      order[next[Int(place.box.x)]] = Int32(truncatingIfNeeded: index)
      next[Int(place.box.x)] += 1
    }
    let members = order
    let firsts = starts

    _ = mapChunks(of: boxes, size: 2, threads: threads) { rows in
      spread(rows, firsts, members, places)
    }
    let sums = mapChunks(of: pitch, size: InterpolationGrid.lanes, threads: threads) {
      convolve(column: $0.lowerBound)
    }
    let result = AlignedBuffer<SIMD2<Float>>(count: positions.count)
    _ = mapChunks(of: boxes, size: 2, threads: threads) { rows in
      gather(rows, firsts, members, places, into: result)
    }
    // Every point has met itself, at 1.
    return Repulsion(
      forces: Array(UnsafeBufferPointer(start: result.start, count: positions.count)),
      normaliser: sums.reduce(0, +) - Double(positions.count))
  }

  /// The box of a point, and the shares of the box's nodes along each axis.
  private struct Place {
    var box: SIMD2<Int32>
    var x: SIMD3<Float>
    var y: SIMD3<Float>
  }

  private func place(of position: SIMD2<Float>, middle: SIMD2<Float>) -> Place {
    let inBoxes = (position - middle) / width + Float(boxes) / 2
    let last = SIMD2(repeating: Int32(boxes - 1))
    let box = SIMD2<Int32>(inBoxes.rounded(.down)).clamped(lowerBound: SIMD2(), upperBound: last)
    // In distances between nodes, from the first: these lie at 1/6, 1/2 and 5/6 of a box.
    let s = (inBoxes - SIMD2<Float>(box)) * 3 - 0.5
    func shares(_ s: Float) -> SIMD3<Float> {
      SIMD3((s - 1) * (s - 2) / 2, s * (2 - s), s * (s - 1) / 2)
    }
    return Place(box: box, x: shares(s.x), y: shares(s.y))
  }

  /// Spreads the points of some rows of boxes, and transforms their rows of nodes.
  private func spread(
    _ rows: Range<Int>, _ starts: [Int], _ members: [Int32], _ places: [Place]
  ) {
    let perBox = InterpolationGrid.perBox
    let values = AlignedBuffer<Float>(count: perBox * length)
    for row in rows {
      values.start.update(repeating: 0, count: values.count)
      for member in members[starts[row]..<starts[row + 1]] {
        let place = places[Int(member)]
        for a in 0..<perBox {
          let line = values.start + a * length + Int(place.box.y) * perBox
          for b in 0..<perBox { line[b] += place.x[a] * place.y[b] }
        }
      }
      rowPlan.run(values.start, into: points.start + row * perBox * pitch)
    }
  }

  /// Transforms eight columns, multiplies them by the kernels and turns them back. Returns their
  /// part of Z.
  private func convolve(column: Int) -> Double {
    let lanes = InterpolationGrid.lanes
    let input = AlignedBuffer<SIMD2<Float>>(count: length * lanes)
    let outputs = [input, AlignedBuffer<SIMD2<Float>>(count: length * lanes)]
    for row in 0..<nodes {
      (input.start + row * lanes).update(from: points.start + row * pitch + column, count: lanes)
    }
    columnPlan.run(inPlace: input.start)
    let first = UnsafeMutableRawPointer(outputs[0].start)
    let second = UnsafeMutableRawPointer(outputs[1].start)
    func eight(_ buffer: AlignedBuffer<Float>, _ row: Int) -> SIMD8<Float> {
      UnsafeRawPointer(buffer.start + row * pitch + column).load(as: SIMD8<Float>.self)
    }
    var sum = SIMD8<Float>()
    for row in 0..<length {
      let mirrored = row > nodes
      let kernelRow = mirrored ? length - row : row
      let offset = row * lanes * MemoryLayout<SIMD2<Float>>.stride
      let value = first.load(fromByteOffset: offset, as: SIMD16<Float>.self)
      let (re, im) = (value.evenHalf, value.oddHalf)
      sum += (re * re + im * im) * eight(kernel, kernelRow)
      let slopeX = mirrored ? -eight(slopes[0], kernelRow) : eight(slopes[0], kernelRow)
      let slopeY = eight(slopes[1], kernelRow)
      var product = SIMD16<Float>()
      product.evenHalf = -im * slopeX
      product.oddHalf = re * slopeX
      first.storeBytes(of: product, toByteOffset: offset, as: SIMD16<Float>.self)
      product.evenHalf = -im * slopeY
      product.oddHalf = re * slopeY
      second.storeBytes(of: product, toByteOffset: offset, as: SIMD16<Float>.self)
    }
    for (output, force) in zip(outputs, forces) {
      inverseColumnPlan.run(inPlace: output.start)
      for row in 0..<nodes {
        (force.start + row * pitch + column).update(from: output.start + row * lanes, count: lanes)
      }
    }
    return (0..<lanes).reduce(0.0) { $0 + Double(sum[$1]) }
  }

  /// Turns some rows of boxes back, and reads the forces of their points off them.
  private func gather(
    _ rows: Range<Int>, _ starts: [Int], _ members: [Int32], _ places: [Place],
    into result: AlignedBuffer<SIMD2<Float>>
  ) {
    let perBox = InterpolationGrid.perBox
    let values = AlignedBuffer<Float>(count: perBox * length)
    for row in rows where starts[row] < starts[row + 1] {
      for component in 0..<2 {
        inverseRowPlan.run(forces[component].start + row * perBox * pitch, into: values.start)
        for member in members[starts[row]..<starts[row + 1]] {
          let place = places[Int(member)]
          var force: Float = 0
          for a in 0..<perBox {
            let line = values.start + a * length + Int(place.box.y) * perBox
            for b in 0..<perBox { force += place.x[a] * place.y[b] * line[b] }
          }
          result.start[Int(member)][component] = force
        }
      }
    }
  }
}

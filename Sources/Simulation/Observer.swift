internal import Foundation
public import StageKit

/// A sonographer's gaze: visits to structures of 250 to 400 ms with saccades of two or three frames
/// between them.
///
/// A visit misses the structure's middle by a Gaussian of 10 px and trembles by 6.6 px, together 12 px
/// of a picture 224 px high. One visit in fifty goes to the controls, off the picture; one sample in
/// fifty is lost. Where nothing is to be seen the gaze wanders over the middle of the fan.
/// Source: Salvucci & Goldberg (2000) for the durations.
public struct Observer {
  /// A sample of one frame: shares of the picture's width and height, `nil` where it is lost.
  public typealias Sample = (x: Double, y: Double)?

  /// What a frame offers: names and places, shares of the picture.
  public typealias Sights = [(name: String, x: Double, y: Double)]

  private enum State {
    case visit(Aim, left: Int)
    case saccade(from: (x: Double, y: Double), to: Aim, done: Int, of: Int)
  }

  private enum Aim {
    /// A structure, and by how much it is missed.
    case structure(String, miss: (x: Double, y: Double))
    case place(x: Double, y: Double)
  }

  private var random: CounterRandom
  private var state: State?
  private var last = (x: 0.5, y: 0.5)
  private let rate: Double
  /// Pixels of a picture 224 high, as shares of height and of width.
  private let unit: (x: Double, y: Double)

  /// - Parameters:
  ///   - rate: frames per second
  ///   - height: pixels
  ///   - width: pixels
  public init(rate: Int, height: Int, width: Int, random: CounterRandom) {
    self.random = random
    self.rate = Double(rate)
    unit = (Double(height) / Double(width) / 224, 1 / 224.0)
  }

  /// Where one looks in the next frame.
  public mutating func look(at sights: Sights) -> Sample {
    advance(sights)
    var gaze = last
    switch state {
    case .visit(let aim, _):
      let place = self.place(of: aim, sights) ?? last
      last = place
      gaze = (
        place.x + 6.6 * unit.x * random.normal(), place.y + 6.6 * unit.y * random.normal()
      )
    case .saccade(let from, let to, let done, let count):
      let target = self.place(of: to, sights) ?? from
      let t = Double(done) / Double(count + 1)
      gaze = (from.x + t * (target.x - from.x), from.y + t * (target.y - from.y))
      last = gaze
    case nil: break
    }
    return random.uniform() < 0.02 ? nil : gaze
  }

  /// Ends what is over and begins the next.
  private mutating func advance(_ sights: Sights) {
    switch state {
    case .visit(let aim, let left) where left > 1 && place(of: aim, sights) != nil:
      state = .visit(aim, left: left - 1)
    case .saccade(let from, let to, let done, let count) where place(of: to, sights) != nil:
      if done < count {
        state = .saccade(from: from, to: to, done: done + 1, of: count)
      } else {
        state = .visit(to, left: duration())
      }
    case nil: state = .visit(choose(sights, not: nil), left: duration())
    case .visit(let aim, _): depart(sights, from: aim)
    case .saccade(_, let to, _, _): depart(sights, from: to)
    }
  }

  private mutating func depart(_ sights: Sights, from aim: Aim) {
    var name: String?
    if case .structure(let structure, _) = aim { name = structure }
    state = .saccade(
      from: last, to: choose(sights, not: name), done: 1, of: random.uniform() < 0.5 ? 2 : 3)
  }

  /// Frames of 250 to 400 ms.
  private mutating func duration() -> Int {
    max(1, Int((rate * random.uniform(0.25, 0.4)).rounded()))
  }

  private mutating func choose(_ sights: Sights, not name: String?) -> Aim {
    let (kind, pick) = (random.uniform(), random.uniform())
    let (x, y) = (random.uniform(), random.uniform())
    let miss = (x: 10 * unit.x * random.normal(), y: 10 * unit.y * random.normal())
    if kind < 0.02 {
      return .place(x: x < 0.5 ? -0.2 * y - 0.02 : 1.02 + 0.2 * y, y: 0.3 + 0.6 * x)
    }
    let others = sights.filter { $0.name != name }
    let pool = others.isEmpty ? sights : others
    guard !pool.isEmpty else { return .place(x: 0.3 + 0.4 * x, y: 0.3 + 0.45 * y) }
    return .structure(pool[min(pool.count - 1, Int(pick * Double(pool.count)))].name, miss: miss)
  }

  private func place(of aim: Aim, _ sights: Sights) -> (x: Double, y: Double)? {
    switch aim {
    case .place(let x, let y): return (x, y)
    case .structure(let name, let miss):
      guard let sight = sights.first(where: { $0.name == name }) else { return nil }
      return (sight.x + miss.x, sight.y + miss.y)
    }
  }
}

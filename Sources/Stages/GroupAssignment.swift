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

  /// The groups that have a class.
  private struct Class {
    var groups: [String] = []
    /// How many of them have no side yet.
    var waiting = 0
    /// Of each side: how many of them it has.
    var taken: [Int]
  }

  private let sides: [Side]
  private let seed: Int
  /// In order of names; the last one is that of all groups.
  private var classes: [Class]
  /// Group → its classes, as indexes.
  private var classesOfGroup: [String: [Int]] = [:]
  /// Of each side: how many groups it still takes.
  private var room: [Int]
  /// Group → index of its side.
  private(set) var sideOfGroup: [String: Int] = [:]

  /// - Parameters:
  ///   - groups: the classes of each group; as many groups as all sides take together
  ///   - sides: with names of their own
  init(_ groups: [String: Set<String>], to sides: [Side], seed: Int) {
    precondition(groups.count == sides.reduce(0) { $0 + $1.size }, "seats and groups differ")
    self.sides = sides
    self.seed = seed
    room = sides.map(\.size)
    let names = Set(groups.values.joined()).sorted()
    let places = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
    classes = Array(
      repeating: Class(taken: sides.map { _ in 0 }), count: names.count + 1)
    for (group, own) in groups {
      let indexes = own.compactMap { places[$0] } + [names.count]
      for index in indexes {
        classes[index].groups.append(group)
        classes[index].waiting += 1
      }
      classesOfGroup[group] = indexes
    }
    while let rarest = rarestClass() {
      seat(classes[rarest].groups.filter { sideOfGroup[$0] == nil }, seats(of: classes[rarest]))
    }
  }

  /// The class that the fewest waiting groups have, ties by name; that of all groups where those that
  /// wait have none, and `nil` where none waits.
  private func rarestClass() -> Int? {
    var rarest: Int?
    for index in classes.indices.dropLast() where classes[index].waiting > 0 {
      if rarest.map({ classes[index].waiting < classes[$0].waiting }) ?? true { rarest = index }
    }
    return rarest ?? (classes.last?.waiting == 0 ? nil : classes.count - 1)
  }

  /// How many seats each side gives to the waiting groups of a class.
  private func seats(of own: Class) -> [Int] {
    let total = Double(own.groups.count)
    let all = Double(classesOfGroup.count)
    var seats = sides.map { _ in 0 }
    for _ in 0..<own.waiting {
      func rank(_ side: Int) -> (isMissing: Int, lack: Double, room: Int, order: Int) {
        let share = Double(sides[side].size) / all
        let has = own.taken[side] + seats[side]
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

  private mutating func seat(_ groups: [String], _ seats: [Int]) {
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
      for index in classesOfGroup[pair.group, default: []] {
        classes[index].waiting -= 1
        classes[index].taken[pair.side] += 1
      }
    }
  }
}

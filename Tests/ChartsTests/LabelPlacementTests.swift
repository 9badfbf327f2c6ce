import Testing

@testable import Charts

@Suite("Places of labels")
struct LabelPlacementTests {
  private static let area = (width: 200.0, height: 100.0)

  private static func place(
    _ marks: [LabelPlacement.Pixel], avoiding others: [LabelPlacement.Box] = []
  ) -> [LabelPlacement.Box] {
    let size = (width: 20.0, height: 10.0)
    return LabelPlacement.place(
      marks.map { _ in size }, at: marks, clearance: 5, avoiding: others, within: area
    ).map { .init(left: $0.x, bottom: $0.y - 5, width: 20, height: 10) }
  }

  @Test("a label with room stands at the right of its mark, clear of it")
  func right() {
    // 0.1 is no sum of powers of two: what touches must not count as an overlap.
    for x in [30, 30.1, 33.3, 47.7] {
      let box = Self.place([(x, 50)])[0]
      #expect(abs(box.left - x - 5) < 1e-9 && abs(box.bottom - 45) < 1e-9)
    }
  }

  @Test("at the right edge it stands at the left")
  func edge() {
    let box = Self.place([(190, 50)])[0]
    #expect(box.left + box.width <= 185 + 1e-9 && box.bottom == 45)
  }

  @Test("labels of neighbours hide neither marks nor each other")
  func neighbours() {
    let marks: [LabelPlacement.Pixel] = [(60, 50), (75, 50), (60, 62), (90, 58)]
    let boxes = Self.place(marks)
    for (index, box) in boxes.enumerated() {
      for mark in marks {
        let own = LabelPlacement.Box(left: mark.x - 5, bottom: mark.y - 5, width: 10, height: 10)
        #expect(box.overlap(own) < 0.5)
      }
      for other in boxes[..<index] { #expect(box.overlap(other) < 0.5) }
    }
  }

  @Test("where no place is free it takes the one that hides least")
  func least() {
    let right = LabelPlacement.Box(left: 0, bottom: 0, width: 200, height: 100)
    let hole = Self.place([(100, 50)], avoiding: [right, right])
    #expect(hole.count == 1 && hole[0].left == 105)
  }
}

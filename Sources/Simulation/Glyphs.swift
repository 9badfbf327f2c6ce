/// Letters of 3 by 5 dots, as machines print beside the picture.
enum Glyphs {
  /// Rows from the top, three bits each, the left dot first.
  private static let dots: [Character: [UInt8]] = [
    "0": [7, 5, 5, 5, 7], "1": [2, 6, 2, 2, 7], "2": [7, 1, 7, 4, 7], "3": [7, 1, 7, 1, 7],
    "4": [5, 5, 7, 1, 1], "5": [7, 4, 7, 1, 7], "6": [7, 4, 7, 5, 7], "7": [7, 1, 2, 2, 2],
    "8": [7, 5, 7, 5, 7], "9": [7, 5, 7, 1, 7], "A": [2, 5, 7, 5, 5], "B": [6, 5, 6, 5, 6],
    "C": [7, 4, 4, 4, 7], "D": [6, 5, 5, 5, 6], "F": [7, 4, 6, 4, 4], "G": [7, 4, 5, 5, 7],
    "H": [5, 5, 7, 5, 5], "I": [7, 2, 2, 2, 7], "M": [5, 7, 7, 5, 5], "P": [7, 5, 7, 4, 4],
    "R": [6, 5, 6, 5, 5], "T": [7, 2, 2, 2, 2], "Z": [7, 1, 2, 4, 7], ".": [0, 0, 0, 0, 2],
  ]

  /// Every dot of a text as (row, column), a letter every four columns.
  static func places(of text: String) -> [(row: Int, column: Int)] {
    var places: [(row: Int, column: Int)] = []
    for (index, letter) in text.enumerated() {
      for (row, bits) in (dots[letter] ?? []).enumerated() {
        for column in 0..<3 where bits >> (2 - column) & 1 == 1 {
          places.append((row, 4 * index + column))
        }
      }
    }
    return places
  }
}

import Charts
import Testing

@Suite struct CSVFileTests {
  @Test("what is written is read back, whatever the cells hold")
  func roundTrip() throws {
    let file = CSVFile(
      columns: ["item", "note, with comma"],
      rows: [
        ["a \"quoted\" word", ""], ["line\nbreak", "carriage\rreturn"], ["", ""], ["ä/ß", " x "],
      ])
    #expect(try CSVFile(text: file.text) == file)
    let narrow = CSVFile(columns: ["item"], rows: [[""], ["x"]])
    #expect(try CSVFile(text: narrow.text) == narrow)
  }

  @Test("only cells that need it are quoted")
  func quoting() {
    let file = CSVFile(columns: ["a", "b"], rows: [["1.5", "x,y"], ["say \"hi\"", "z"]])
    #expect(file.text == "a,b\n1.5,\"x,y\"\n\"say \"\"hi\"\"\",z\n")
  }

  @Test("CRLF line ends, blank lines and a missing last newline are read")
  func lineEnds() throws {
    let file = try CSVFile(text: "a,b\r\n1,2\r\n\r\n3,4")
    #expect(file == CSVFile(columns: ["a", "b"], rows: [["1", "2"], ["3", "4"]]))
  }

  @Test("each row knows the line on which it begins, behind cells with line breaks and blank lines")
  func lines() throws {
    let (file, lines) = try CSVFile.read("a,b\n1,\"two\nlines\"\n\n3,4\r\n5,6")
    #expect(file.rows == [["1", "two\nlines"], ["3", "4"], ["5", "6"]])
    #expect(lines == [2, 5, 6])
  }

  @Test("a row of another length, an open quote and an empty file are errors with their line")
  func badInput() {
    #expect(throws: CSVError(line: 3, message: "has 1 cells; the header has 2")) {
      try CSVFile(text: "a,b\n1,2\n3\n")
    }
    #expect(throws: CSVError(line: 2, message: "a quote is left open")) {
      try CSVFile(text: "a\n\"b\n")
    }
    #expect(throws: CSVError(line: 1, message: "has no header")) { try CSVFile(text: "") }
  }
}

/// A place on a canvas: pixels from its upper left corner, so that the first pixel's centre is at
/// (0.5, 0.5).
public struct Point: Hashable, Sendable {
  public var x: Double
  public var y: Double

  public init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }
}

/// A part of a canvas, in pixels.
public struct Rectangle: Hashable, Sendable {
  public var x: Double
  public var y: Double
  public var width: Double
  public var height: Double

  public init(x: Double, y: Double, width: Double, height: Double) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  public var maxX: Double { x + width }
  public var maxY: Double { y + height }

  public func moved(x: Double, y: Double) -> Rectangle {
    Rectangle(x: self.x + x, y: self.y + y, width: width, height: height)
  }

  /// The place at these shares of width and height.
  public func point(x shareX: Double, y shareY: Double) -> Point {
    Point(x: x + shareX * width, y: y + shareY * height)
  }
}

/// Cells of one size in rows, each with room for a caption below it: contact sheets, galleries.
public struct SheetLayout: Hashable, Sendable {
  public var cells: Int
  public var columns: Int
  /// Of a cell without its caption, in pixels.
  public var cellWidth: Int
  public var cellHeight: Int
  public var captionHeight: Int
  /// Between cells, in pixels.
  public var gap: Int

  public init(
    cells: Int, columns: Int, cellWidth: Int, cellHeight: Int, captionHeight: Int, gap: Int
  ) {
    precondition(cells > 0 && columns > 0, "a sheet without cells")
    self.cells = cells
    self.columns = min(columns, cells)
    self.cellWidth = cellWidth
    self.cellHeight = cellHeight
    self.captionHeight = captionHeight
    self.gap = gap
  }

  public var rows: Int { (cells + columns - 1) / columns }
  public var width: Int { columns * cellWidth + (columns - 1) * gap }
  public var height: Int { rows * (cellHeight + captionHeight) + (rows - 1) * gap }

  /// A cell's picture, row by row, relative to the sheet's upper left corner.
  public func picture(_ cell: Int) -> Rectangle {
    Rectangle(
      x: Double(cell % columns * (cellWidth + gap)),
      y: Double(cell / columns * (cellHeight + captionHeight + gap)), width: Double(cellWidth),
      height: Double(cellHeight))
  }

  /// The room below a cell's picture.
  public func caption(_ cell: Int) -> Rectangle {
    let picture = picture(cell)
    return Rectangle(
      x: picture.x, y: picture.maxY, width: picture.width, height: Double(captionHeight))
  }
}

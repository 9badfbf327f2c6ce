public import Engine
internal import GRDB
internal import StageKit

/// A cell of a newest table, and what is recorded of its making.
public struct CellDetail: Sendable {
  public struct Source: Sendable {
    public var metric: MetricRow
    /// The job that measured it.
    public var job: JobDetail
  }

  public var cell: TableCell
  /// The job that made the table.
  public var job: JobDetail
  /// The values that it was made of; empty where a stage that names none made the table.
  public var sources: [Source]
  /// The jobs that made what the sources were made of, those nearest to them first.
  public var upstream: [JobDetail]
}

extension ProvenanceDatabase {
  private static let newestCells = """
    FROM newest_job newest JOIN job_source s ON s.job = newest.job_with_result
      JOIN table_cell c ON c.job = s.source
    """
  private static let name = "newest.instance || ':' || c.row || ':' || c.column"

  /// `TABLE:ROW:COLUMN` of each cell of the newest tables, in their order.
  public func cellNames() throws -> [String] {
    try readOnce { database in
      let query = try Prepared(
        database,
        "SELECT \(Self.name) \(Self.newestCells) ORDER BY newest.instance, c.id")
      var names: [String] = []
      while try query.step() { names.append(query.text(0)) }
      return names
    }
  }

  /// - Parameter name: `TABLE:ROW:COLUMN`
  /// - Returns: `nil` where no newest table has such a cell
  public func cell(named name: String) throws -> CellDetail? {
    try read { database in
      let query = try Prepared(
        database,
        """
        SELECT c.id, newest.instance, c.row, c.column, c.text, c.value, c.aggregate, c.n, c.job
        \(Self.newestCells) WHERE \(Self.name) = ?
        """)
      query.bind(name)
      guard try query.step() else { return nil }
      let cell = TableCell(
        table: query.text(1), row: query.text(2), column: query.text(3), text: query.text(4),
        value: query.numberIfAny(5), aggregate: query.text(6), n: query.integer(7))
      let (id, job) = (query.integer(0), query.integer(8))

      let metrics = try Prepared(
        database,
        """
        SELECT m.job, m.name, m.split, m.step, m.value, m.unit, m.direction
        FROM cell_source s JOIN metric m ON m.id = s.metric WHERE s.cell = ? ORDER BY m.id
        """)
      metrics.bind(id)
      var sources: [CellDetail.Source] = []
      while try metrics.step() {
        let metric = MetricRow(
          name: metrics.text(1), split: metrics.textIfAny(2), step: metrics.integerIfAny(3),
          value: metrics.numberIfAny(4) ?? .nan, unit: metrics.textIfAny(5),
          direction: metrics.textIfAny(6))
        sources.append(.init(metric: metric, job: try detail(ofJob: metrics.integer(0), database)))
      }
      sources.sort { $0.job.row.instance < $1.job.row.instance }
      return CellDetail(
        cell: cell, job: try detail(ofJob: job, database), sources: sources,
        upstream: try upstream(of: sources.map(\.job), database))
    }
  }

  private func detail(ofJob id: Int, _ database: Database) throws -> JobDetail {
    let query = try Prepared(database, "SELECT \(JobRow.columns) FROM job WHERE id = ?")
    query.bind(id)
    guard try query.step() else { throw damaged("job") }
    return try detail(of: JobRow(query), database)
  }

  /// Breadth first, each action once.
  private func upstream(of jobs: [JobDetail], _ database: Database) throws -> [JobDetail] {
    // The job that made the result which an instance had in a run.
    let maker = try Prepared(
      database,
      """
      SELECT s.source FROM job_source s WHERE s.run = ? AND s.instance = ?
      ORDER BY s.job DESC LIMIT 1
      """)
    var seen = Set(jobs.map(\.row.id))
    var found: [JobDetail] = []
    var next = jobs
    while !next.isEmpty {
      var ids: [Int] = []
      for job in next {
        for producer in job.inputs.flatMap({ $0.producer.split(separator: " ") }) {
          maker.bind(job.row.run).bind(String(producer))
          while try maker.step() {
            let id = maker.integer(0)
            if seen.insert(id).inserted { ids.append(id) }
          }
        }
      }
      next = try ids.map { try detail(ofJob: $0, database) }
      found += next
    }
    return found
  }
}

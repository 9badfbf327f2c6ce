import ArgumentParser
import Engine
import Foundation
import Pipelines
import StageKit

/// `fathom dag`.
struct Dag: ParsableCommand {
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case text, mermaid, dot, svg
  }

  static let configuration = CommandConfiguration(
    commandName: "dag",
    abstract: "Draw the graph: as a tree, mermaid, dot, or SVG through graphviz.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var pipeline: PipelineOptions

  @Option(help: ArgumentHelp("text, mermaid, dot or svg.", valueName: "how"))
  var format: Format = .text

  @Flag(help: "Draw every instance instead of every stage.")
  var instances = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Write to this file.", valueName: "file"))
  var output: String?

  func run() throws {
    try common.begin()
    let session = try Session()
    let (path, targets) = try session.pipelineAndTargets(pipeline.arguments)
    let plan = try session.load(path, pipeline, needsFiles: false)
    let selection = try TargetSelection(targets, in: plan).needed
    let graph = Graph(plan, selection: selection, instances: instances)
    let text =
      if common.json {
        graph.json + "\n"
      } else {
        switch format {
        case .text: graph.tree
        case .mermaid: graph.mermaid
        case .dot: graph.dot
        case .svg: try svg(of: graph.dot)
        }
      }
    if let output { try write(text, to: output) } else { Terminal.standardOutput.write(text) }
  }

  private func svg(of dot: String) throws -> String {
    if let (status, data) = try? Program.run(["dot", "-Tsvg"], input: Data(dot.utf8)), status == 0 {
      return String(decoding: data, as: UTF8.self)
    }
    throw EnvironmentError(
      .worker, "graphviz is needed for SVG: install it (apt-get install graphviz)")
  }
}

/// Stages or instances and what flows between them.
struct Graph {
  struct Edge: Hashable {
    var from: Int
    var to: Int
    var port: String
  }

  let name: String
  /// In topological order.
  let nodes: [(name: String, detail: String)]
  let edges: [Edge]

  init(_ plan: Plan, selection: Set<Int>, instances: Bool) {
    name = plan.name
    var nodes: [(name: String, detail: String)] = []
    var counts: [Int: Int] = [:]
    var nodeOf: [Int: Int] = [:]
    var byName: [String: Int] = [:]
    for index in plan.instances.indices where selection.contains(index) {
      let instance = plan.instances[index]
      let name = instances ? instance.address : instance.stage
      if byName[name] == nil {
        byName[name] = nodes.count
        var detail =
          switch instance.work {
          case .kind(let kind, _, _): kind
          case .command: "run"
          }
        if !instance.each.isEmpty { detail += ", each \(instance.each.joined(separator: " and "))" }
        nodes.append((name, detail))
      }
      let node = byName[name] ?? 0
      nodeOf[index] = node
      counts[node, default: 0] += 1
    }
    for (node, count) in counts where count > 1 { nodes[node].detail += ", \(count) instances" }
    var edges: [Edge] = []
    var seen: Set<Edge> = []
    for index in plan.instances.indices where selection.contains(index) {
      for binding in plan.instances[index].inputs {
        for source in binding.sources {
          guard let from = nodeOf[source.producer], let to = nodeOf[index] else { continue }
          let edge = Edge(from: from, to: to, port: source.port)
          if seen.insert(edge).inserted { edges.append(edge) }
        }
      }
    }
    self.nodes = nodes
    self.edges = edges
  }

  /// A tree from the roots down; what was shown before is named with an arrow only.
  var tree: String {
    var text = "\(name)\n"
    var shown: Set<Int> = []
    let fed = Set(edges.map(\.to))
    var consumers: [Int: [Int]] = [:]
    for edge in edges where consumers[edge.from]?.contains(edge.to) != true {
      consumers[edge.from, default: []].append(edge.to)
    }
    func add(_ node: Int, _ prefix: String, last: Bool) {
      let known = !shown.insert(node).inserted
      let detail = known ? "  (above)" : "  (\(nodes[node].detail))"
      text += "\(prefix)\(last ? "`- " : "|- ")\(nodes[node].name)\(detail)\n"
      guard !known else { return }
      let next = consumers[node] ?? []
      for (place, child) in next.enumerated() {
        add(child, prefix + (last ? "   " : "|  "), last: place == next.count - 1)
      }
    }
    let roots = nodes.indices.filter { !fed.contains($0) }
    for (place, root) in roots.enumerated() { add(root, "", last: place == roots.count - 1) }
    return text
  }

  var mermaid: String {
    var text = "flowchart TD\n"
    for (index, node) in nodes.enumerated() {
      text += "  n\(index)[\"\(escaped(node.name))<br><i>\(escaped(node.detail))</i>\"]\n"
    }
    for edge in edges { text += "  n\(edge.from) -- \(edge.port) --> n\(edge.to)\n" }
    return text
  }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("\"", with: "&quot;")
      .replacing("<", with: "&lt;")
  }

  var dot: String {
    func quoted(_ text: String) -> String {
      "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
    var text = "digraph \(quoted(name)) {\n"
    text += "  rankdir=TB; node [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
    text += "  edge [fontname=\"sans-serif\", fontsize=8, color=\"#666666\"];\n"
    for (index, node) in nodes.enumerated() {
      let label = quoted(node.name).dropLast() + "\\n" + quoted(node.detail).dropFirst()
      text += "  n\(index) [label=\(label)];\n"
    }
    for edge in edges { text += "  n\(edge.from) -> n\(edge.to) [label=\(quoted(edge.port))];\n" }
    return text + "}\n"
  }

  var json: String {
    let document: Value = [
      "schema_version": 1, "pipeline": .string(name),
      "nodes": .list(nodes.map { ["name": .string($0.name), "detail": .string($0.detail)] }),
      "edges": .list(
        edges.map { edge in
          [
            "from": .string(nodes[edge.from].name), "port": .string(edge.port),
            "to": .string(nodes[edge.to].name),
          ]
        }),
    ]
    return document.json
  }
}

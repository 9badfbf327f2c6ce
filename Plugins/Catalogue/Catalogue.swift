import PackagePlugin

/// Generates lists of types from the file names of the target it is applied to: stage kinds in
/// Stages, transforms in SelfSupervision.
@main
struct Catalogue: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    guard let module = target.sourceModule else { return [] }
    let isStages = module.name == "Stages"
    let kind = isStages ? "Stage" : "Transform"
    let list = isStages ? "allStages" : "allTransforms"
    let files = module.sourceFiles(withSuffix: "\(kind).swift").map(\.url)
      .filter { $0.lastPathComponent != "\(kind).swift" }
    let output = context.pluginWorkDirectoryURL.appending(path: "All\(kind)s.swift")
    return [
      .buildCommand(
        displayName: "Listing \(list)",
        executable: try context.tool(named: "catalogue-generator").url,
        arguments: [output.path(), kind, list, isStages ? "StageKit" : ""]
          + files.map { $0.path() },
        inputFiles: files,
        outputFiles: [output])
    ]
  }
}

import PackagePlugin

/// Generates the list of stage kinds from the file names of the target it is applied to.
@main
struct StageCatalogue: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    guard let module = target.sourceModule else { return [] }
    let stages = module.sourceFiles(withSuffix: "Stage.swift").map(\.url)
    let output = context.pluginWorkDirectoryURL.appending(path: "AllStages.swift")
    return [
      .buildCommand(
        displayName: "Listing stage kinds",
        executable: try context.tool(named: "catalogue-generator").url,
        arguments: [output.path()] + stages.map { $0.path() },
        inputFiles: stages,
        outputFiles: [output])
    ]
  }
}

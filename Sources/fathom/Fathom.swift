import ArgumentParser

@main
struct Fathom: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "fathom", version: "0.1.0")
}

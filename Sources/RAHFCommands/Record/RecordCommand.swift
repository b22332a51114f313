import ArgumentParser

/// `rahf record`: serves, and keeps what was asked and answered.
struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Serve a model and keep a bounded log of requests and replies, for 'rahf replay'.",
        discussion: """
            The same as 'rahf serve --record FOLDER', with every option of 'rahf serve'. The folder holds images and \
            prompts, is readable by its owner only, and never becomes larger than --record-limit: the oldest go first. \
            A full or slow disk costs records, which are counted and logged, and never an answer.
            """)

    @Argument(help: "The folder; made if missing.")
    var folder: String
    @OptionGroup var serve: ServeCommand

    func validate() throws {
        guard serve.watchOptions.record == nil else {
            throw ValidationError("the folder is named once: 'rahf record FOLDER' or 'rahf serve --record FOLDER'")
        }
    }

    func run() throws {
        var recording = serve
        recording.watchOptions.record = folder
        try recording.run()
    }
}

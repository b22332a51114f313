/// Prompts by image, for RichHF-18K's files, whose records have none.
///
/// The file has one JSON object a line, with `prompt` and either `filename` (a path whose stem names the image) or `uid`
/// (Pick-a-Pic's name of the image, the stem itself).
public struct PromptTable: Sendable, Equatable {
    private var prompts: [String: String] = [:]

    public init(_ prompts: [String: String] = [:]) {
        self.prompts = prompts
    }

    private struct Line: Decodable {
        var filename: String?
        var uid: String?
        var prompt: String
    }

    /// Reads a file of prompts.
    ///
    /// - Throws: what is wrong with its first bad line; also two different prompts for one image.
    public init(path: String) throws(FeedbackDataError) {
        for element in try JSONLines<Line>(path: path) {
            let line = try element.result.get()
            guard let name = line.uid ?? line.filename else {
                throw FeedbackDataError(
                    file: path, record: element.line, .malformedLine("it has neither \"uid\" nor \"filename\""))
            }
            let stem = imageStem(name)
            if let known = prompts[stem], known != line.prompt {
                throw FeedbackDataError(
                    file: path, record: element.line, .malformedLine("a second, different prompt for '\(stem)'"))
            }
            prompts[stem] = line.prompt
        }
    }

    public var count: Int { prompts.count }

    /// The prompt of the image with a stem.
    public func prompt(of stem: String) -> String? {
        prompts[stem]
    }
}

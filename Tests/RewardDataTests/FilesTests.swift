import RewardData
import RewardTestSupport
import Testing

@Suite struct FilesTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func imagesAreFoundByStemWhateverTheirExtension() throws {
        try folder.write("", "one.png")
        try folder.write("", "two.JPG")
        try folder.write("", "note.txt")
        let index = try ImageIndex(folders: [folder.path])
        #expect(index.count == 2)
        #expect(try index.path(of: "two") == "\(folder.path)/two.JPG")
        #expect(throws: FeedbackDataError(file: folder.path, .missingImage(stem: "note"))) {
            try index.path(of: "note")
        }
    }

    @Test func twoImagesOfOneStemAreAmbiguous() throws {
        try folder.write("", "one.png")
        let other = try TemporaryFolder()
        try other.write("", "one.webp")
        let index = try ImageIndex(folders: [folder.path, other.path])
        let error = #expect(throws: FeedbackDataError.self) { try index.path(of: "one") }
        #expect(
            error?.reason
                == .ambiguousImage(
                    stem: "one", paths: ["\(folder.path)/one.png", "\(other.path)/one.webp"].sorted()))
    }

    @Test func aMissingFolderIsNamed() {
        #expect(throws: FeedbackDataError(file: "/nonexistent", .unreadable("No such file or directory"))) {
            try ImageIndex(folders: ["/nonexistent"])
        }
    }

    @Test func badLinesAreNamedByNumberAndTheOthersAreRead() throws {
        let path = try folder.write(
            "{\"uid\":\"a\",\"prompt\":\"x\"}\n\n{\"uid\":3}\nnonsense\n{\"uid\":\"b\",\"prompt\":\"y\"}", "p.jsonl")
        struct Line: Decodable {
            var uid: String
            var prompt: String
        }
        let results = Array(try JSONLines<Line>(path: path))
        #expect(results.map(\.line) == [0, 2, 3, 4])
        #expect(results.map { (try? $0.result.get()) != nil } == [true, false, false, true])
        let error = #expect(throws: FeedbackDataError.self) { try PromptTable(path: path) }
        #expect(error?.record == 2 && error?.reason.name == "malformed_line")
    }

    @Test func twoPromptsForOneImageAreAnError() throws {
        let path = try folder.write(
            "{\"uid\":\"a\",\"prompt\":\"x\"}\n{\"filename\":\"s/a.png\",\"prompt\":\"x\"}\n{\"uid\":\"a\",\"prompt\":\"z\"}",
            "p.jsonl")
        let error = #expect(throws: FeedbackDataError.self) { try PromptTable(path: path) }
        #expect(error?.record == 2)
    }

    @Test func linesLongerThanTheReadBufferAreWhole() throws {
        struct Line: Decodable, Equatable {
            var text: String
        }
        let long = String(repeating: "é", count: 100_000)
        let path = try folder.write("{\"text\":\"\(long)\"}\n{\"text\":\"b\"}\n", "long.jsonl")
        #expect(
            try JSONLines<Line>(path: path).map { try $0.result.get() } == [Line(text: long), Line(text: "b")])
    }
}

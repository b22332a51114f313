import ArgumentParser
import Glibc
import RewardModel

/// `rahf benchmark`: times passes one by one, so that a script can take turns with another program.
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract: "For each line 'BATCH OUTPUTS [WORDS]' on standard input, run one pass and print its time.",
        discussion: """
            The pass scores the image BATCH times; with 'gradient' for OUTPUTS it differentiates plausibility. WORDS \
            repeats or cuts the prompt to that many words. Prints {"seconds":…,"scores":[…]} a line.
            """)

    @OptionGroup var modelOptions: ModelOptions
    @Option(help: "The prompt.")
    var prompt: String
    @Argument(help: "PNG, JPEG or WebP.")
    var image: String

    func run() throws {
        let predictor = try modelOptions.load()
        var item = try PredictionItem(encodedImage: try readFile(image), prompt: prompt, outputs: [])
        let promptWords = prompt.split(separator: " ")
        while let line = readLine() {
            let words = line.split(separator: " ")
            guard (2...3).contains(words.count), let batch = Int(words[0]), (1...64).contains(batch),
                let length = words.count == 3 ? Int(words[2]) : promptWords.count, (1...1000).contains(length),
                !promptWords.isEmpty
            else {
                throw ValidationError("a line is 'BATCH OUTPUTS [WORDS]', not '\(line)'")
            }
            item.prompt = (0..<length).map { promptWords[$0 % promptWords.count] }.joined(separator: " ")
            let gradient = words[1] == "gradient"
            item.objective = gradient ? Objective(scoreWeights: [.plausibility: 1]) : nil
            item.outputs = gradient ? [] : try ScoreCommand.outputs(String(words[1]))
            let items = [PredictionItem](repeating: item, count: batch)
            let started = Self.now()
            let predictions = try predictor.predict(items).map { try $0.get() }
            let seconds = Self.now() - started
            let scores = predictions.first?.scores.map { scores in ScoreKind.allCases.map { JSON.number(scores[$0]) } }
            print(JSON.object([("seconds", .number(Float(seconds))), ("scores", .array(scores ?? []))]).text)
            fflush(nil)
        }
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

import ArgumentParser
import FoundationEssentials
import Logging
import RewardImage
import RewardModel
import RewardServer

/// `rahf demo`: starts a server, scores photographs through it as any client would, and makes a page of the results.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Serve a model, score photographs over ZeroMQ, draw what it says.")

    @OptionGroup var modelOptions: ModelOptions
    @Option(help: "JSON lines with \"image\" (beside the list) and \"prompt\".")
    var list = "Examples/photographs/prompts.jsonl"
    @Option(help: "Folder for the pictures and the page; made if missing.")
    var out = "demo"

    func run() throws {
        let entries = try ScoreCommand.parseList(try WholeFile.read(list), name: list)
        guard !entries.isEmpty else { throw ValidationError("\(list) lists no image") }
        let folder = list.lastIndex(of: "/").map { String(list[...$0]) } ?? ""
        try makeFolders(out)
        let predictor = try modelOptions.load()
        let server = try serve(predictor)
        let endpoint = server.endpoints[0]
        print("serving \(predictor.info.name) at \(endpoint)")

        let remote = try RemoteScorer(endpoint)
        var items: [PredictionItem] = []
        for entry in entries {
            items.append(
                try PredictionItem(
                    encodedImage: try WholeFile.read(folder + entry.image), prompt: entry.prompt,
                    objective: Objective(scoreWeights: [.overall: 1])))
        }
        let clock = ContinuousClock()
        var results: [Result<Prediction, Failure>] = []
        let time = clock.measure { results = remote.predict(items) }
        print("\(items.count) photographs scored and differentiated over ZeroMQ in \(Report.seconds(time))\n")

        var cards: [DemoPage.Card] = []
        for (index, entry) in entries.enumerated() {
            let report = Report(image: folder + entry.image, prompt: entry.prompt, result: results[index])
            print(report.table)
            cards.append(
                try card(entry, items[index].image, try results[index].get()))
        }
        let page = "\(out)/index.html"
        try WholeFile.write(Array(DemoPage(model: remote.info, cards: cards).html.utf8), to: page)
        try server.stop()
        print("The server drained and stopped. The pictures are in \(out); open \(page) in a browser.")
        if !predictor.info.config.trained {
            print("The model is seeded and untrained: the numbers show that everything runs, and mean nothing else.")
        }
    }

    private func serve(_ scorer: any Scorer) throws -> BackgroundServer {
        var log = Logger(label: "rahf.demo") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = .warning
        let configuration = ServerConfiguration(addresses: [try BindAddress("tcp://127.0.0.1:*")])
        return try BackgroundServer(try Server(configuration, scorer: scorer, log: log))
    }

    private func card(_ entry: ScoreCommand.Entry, _ image: Image, _ prediction: Prediction) throws -> DemoPage.Card {
        let name = stem(entry.image)
        var card = DemoPage.Card(
            picture: "\(name).png", prompt: entry.prompt, overlays: [], prediction: prediction)
        try WholeFile.write(PNGEncoder.encode(image), to: "\(out)/\(card.picture)")
        func add(_ title: String, _ kind: String, _ map: Heatmap) throws {
            let file = "\(name).\(kind).png"
            try WholeFile.write(PNGEncoder.encode(HeatmapOverlay.draw(map, over: image)), to: "\(out)/\(file)")
            card.overlays.append((title, file))
        }
        for kind in HeatmapKind.allCases {
            guard let map = prediction.heatmaps?[kind] else { continue }
            let range = "\(Report.hundredths(map.values.min() ?? 0)) to \(Report.hundredths(map.values.max() ?? 0))"
            try add("\(kind.rawValue), \(range)", kind.rawValue, map)
        }
        if let gradient = prediction.gradient {
            let map = HeatmapOverlay.magnitude(gradient.values, width: gradient.width, height: gradient.height)
            try add("|d overall / d pixel|", "gradient", map)
        }
        return card
    }
}

import ArgumentParser
import Glibc
import RewardImage
import RewardModel

/// `make-inpaint-masks`: heatmaps to masks, and on to repaired images.
struct MakeInpaintMasksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make-inpaint-masks",
        abstract: "Make masks for an inpainter from the heatmaps of generated images.",
        discussion: """
            Writes to --out an 8-bit mask per image (255 = repaint, stem and size of the image), regions.json and, with \
            --preview, pictures. An image with nothing to repair gets no mask. The order is: resample to the image's \
            size, threshold, drop regions, fill holes, open, close, dilate, feather, move, invert.

            --inpaint-command runs any inpainter several times per image and keeps the most plausible result, or the \
            original. The command is split into words as a shell would, without a shell; {image}, {mask}, {prompt}, \
            {seed} and {out} are filled in afterwards. Candidates, results, sheets and ranking.jsonl go to --out.

            Exits 1 if an image failed.
            """)

    @OptionGroup var inputs: MaskInputArguments
    @Option(help: "Folder for the masks; made if missing.")
    var out: String
    @OptionGroup var scorerOptions: ScorerOptions
    @Option(help: "Folder with <stem>.implausibility.npy (or .misalignment, or .png) made earlier, instead of a model.")
    var heatmaps: String?
    @Option(help: "The heatmap to use; max and sum take both.")
    var heatmap = HeatmapChoice.implausibility
    @OptionGroup var maskArguments: MaskArguments
    @Flag(exclusivity: .exclusive, help: "One mask per image, or <stem>.1.png, <stem>.2.png … per region.")
    var files = Files.merge
    @Flag(help: "Write previews/<stem>.png: the image, its heatmap and the mask's outline.")
    var preview = false
    @Option(help: "An inpainter to run, with {image}, {mask}, {prompt}, {seed} and {out}.")
    var inpaintCommand: String?
    @Option(help: "Runs of the inpainter per image.")
    var candidates = 4
    @Option(help: "The first run's seed; each later run's is one more.")
    var seed = 0
    @Option(help: "Seconds a run of the inpainter may take. The default is any time.")
    var inpaintTimeout: Double?
    @OptionGroup var guardrails: RerankArguments

    enum Files: String, EnumerableFlag {
        case merge, perRegion
    }

    func run() async throws {
        let options = try maskArguments.options()
        let guardrails = try guardrails.options()
        let template = try template()
        let inputs = try inputs.inputs(needPrompt: heatmaps == nil || template != nil)
        let scorer = heatmaps == nil || template != nil ? try scorerOptions.load() : nil
        let source: any HeatmapSource
        if let heatmaps {
            _ = try Folders.names(heatmaps)
            source = HeatmapFolder(path: heatmaps)
        } else if let scorer {
            source = PredictedHeatmaps(scorer: scorer)
        } else {
            throw Failure(.internalError, "no heatmaps")
        }
        var subfolders = preview ? [MaskFolder.previews] : []
        if template != nil { subfolders += [MaskFolder.candidates, MaskFolder.results, MaskFolder.sheets] }
        var folder = try MaskFolder(path: out, stems: inputs.map(\.stem), subfolders: subfolders)
        var repair = template.flatMap { template in
            scorer.map {
                RepairStep(
                    inpainter: Inpainter(template: template, timeout: inpaintTimeout),
                    reranker: Reranker(scorer: $0, options: guardrails), runs: candidates, seed: seed,
                    invert: options.invert, rankings: [])
            }
        }

        var reports: [MaskReport] = []
        // Batches bound memory: only these images are decoded at once.
        for start in stride(from: 0, to: inputs.count, by: 8) {
            let batch = Array(inputs[start..<min(start + 8, inputs.count)])
            for (report, image, mask) in make(batch, source, options, &folder) {
                reports.append(report)
                print(report.line)
                if let image, let mask {
                    try await repair?.run(report, image: image, mask: mask, folder: &folder)
                }
            }
        }
        try repair?.finish(&folder)
        try finish(reports, options, scorer, repair, &folder)
    }

    private func template() throws -> CommandTemplate? {
        guard (1...10_000).contains(candidates) else { throw ValidationError("--candidates is 1 to 10000") }
        guard seed >= 0, seed <= Int(UInt32.max) - candidates else {
            throw ValidationError("--seed is 0 to \(Int(UInt32.max) - candidates)")
        }
        if let inpaintTimeout, !(inpaintTimeout > 0 && inpaintTimeout <= 1e6) {
            throw ValidationError("--inpaint-timeout is above 0, at most 1000000")
        }
        guard let inpaintCommand else { return nil }
        guard files == .merge else { throw ValidationError("--inpaint-command takes one mask per image: --merge") }
        do throws(CommandTemplate.Problem) {
            let template = try CommandTemplate(inpaintCommand)
            if candidates > 1, !template.usesSeed {
                writeError("make-inpaint-masks: the command has no {seed}: its candidates may all be alike")
            }
            return template
        } catch { throw ValidationError("--inpaint-command: \(error)") }
    }

    /// Masks of a few images; image and mask come along where there is something to repair.
    private func make(
        _ batch: [MaskInput], _ source: any HeatmapSource, _ options: MaskOptions, _ folder: inout MaskFolder
    ) -> [(report: MaskReport, image: Image?, mask: Mask?)] {
        var reports = batch.map {
            MaskReport(input: $0, outcome: .failed(Failure(.internalError, "not computed")))
        }
        var items: [(input: MaskInput, image: Image, notes: [Note])] = []
        var positions: [Int] = []
        for (index, input) in batch.enumerated() {
            do throws(Failure) {
                let (image, notes) = try loadImage(input.image)
                items.append((input, image, notes))
                positions.append(index)
            } catch { reports[index].outcome = .failed(error) }
        }
        var masks: [Int: (Image, Mask)] = [:]
        for (offset, answer) in source.heatmaps(heatmap, for: items).enumerated() {
            let (index, image) = (positions[offset], items[offset].image)
            do throws(Failure) {
                let (map, notes) = try answer.get()
                reports[index].notes = notes
                let result = try Self.make(map, image, options)
                if let mask = result.mask {
                    try write(result, mask, image, &reports[index], &folder)
                    masks[index] = (image, mask)
                    reports[index].outcome = .masked(result)
                } else {
                    reports[index].outcome = .nothingToRepair(result)
                }
            } catch { reports[index].outcome = .failed(error) }
        }
        return reports.enumerated().map { ($1, masks[$0]?.0, masks[$0]?.1) }
    }

    private static func make(
        _ map: Heatmap, _ image: Image, _ options: MaskOptions
    ) throws(Failure) -> MaskResult {
        do {
            return try MaskMaker.make(from: map, width: image.width, height: image.height, options: options)
        } catch { throw Failure(.invalidRequest, error.description) }
    }

    private func write(
        _ result: MaskResult, _ mask: Mask, _ image: Image, _ report: inout MaskReport, _ folder: inout MaskFolder
    ) throws(Failure) {
        let stem = report.input.stem
        switch files {
        case .merge:
            try folder.write(PNGEncoder.encode(mask), "\(stem).png")
            report.masks = ["\(stem).png"]
        case .perRegion:
            for region in result.regions.indices {
                let name = "\(stem).\(region + 1).png"
                try folder.write(PNGEncoder.encode(result.mask(ofRegion: region)), name)
                report.masks.append(name)
            }
        }
        let repainted = maskArguments.invert ? mask.inverted : mask
        report.share = Float(repainted.area) / Float(image.width * image.height)
        if preview {
            let name = "\(MaskFolder.previews)/\(stem).png"
            try folder.write(
                PNGEncoder.encode(Overlay.draw(image, heatmap: result.heatmap, outline: repainted)), name)
            report.preview = name
        }
    }

    private func finish(
        _ reports: [MaskReport], _ options: MaskOptions, _ scorer: (any Scorer)?, _ repair: RepairStep?,
        _ folder: inout MaskFolder
    ) throws {
        var header: [(String, JSON)] = [
            ("heatmap", .string(heatmap.rawValue)), ("options", options.json),
            ("files", .string(files == .merge ? "merge" : "per_region")),
        ]
        if let scorer, heatmaps == nil {
            header.append(
                ("model", .object([("name", .string(scorer.info.name)), ("digest", .string(scorer.info.digest))])))
        } else {
            header.append(("heatmaps_from", .string(heatmaps ?? "")))
        }
        try folder.finish(header, images: reports.map(\.json))
        var masked = 0
        var failed = 0
        for report in reports {
            switch report.outcome {
            case .masked: masked += 1
            case .failed: failed += 1
            case .nothingToRepair: break
            }
        }
        let repaired = repair.map { ", \($0.repaired) repaired" } ?? ""
        print(
            "\(MaskReport.count(reports.count, "image")): \(masked) masked, \(reports.count - masked - failed) with nothing to repair, \(failed) failed\(repaired)"
        )
        if failed > 0 || (repair?.failed ?? 0) > 0 { throw ExitCode.failure }
    }
}

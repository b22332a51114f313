import FoundationEssentials
import RewardImage
import Testing

@Suite struct MorphologyTests {
    struct Case: Decodable {
        var operation: String
        var element: String
        var radius: Double
        var width: Int
        var height: Int
        var input: Data
        var output: Data
    }

    private static func apply(_ operation: String, _ mask: Mask, _ element: StructuringElement) -> Mask? {
        switch operation {
        case "dilate": mask.dilated(by: element)
        case "erode": mask.eroded(by: element)
        case "open": mask.opened(by: element)
        case "close": mask.closed(by: element)
        default: nil
        }
    }

    @Test func everyOperationAgreesWithScipyAndOpenCVToThePixel() throws {
        let cases: [Case] = try MaskFixtures.load("morphology")
        #expect(cases.count == 468)
        for expected in cases {
            let shape = try #require(StructuringElement.Shape(rawValue: expected.element))
            let mask = MaskFixtures.mask(expected.input, expected.width, expected.height)
            let result = try #require(
                Self.apply(expected.operation, mask, StructuringElement(shape, radius: expected.radius)))
            let wanted = MaskFixtures.mask(expected.output, expected.width, expected.height)
            let wrong = zip(result.values, wanted.values).filter { $0 != $1 }.count
            #expect(
                wrong == 0,
                "\(expected.operation) \(expected.element) \(expected.radius) on \(expected.width)×\(expected.height)")
        }
    }

    /// The definition, pixel by pixel: set where a set pixel of the image lies within the element.
    private static func dilatedByDefinition(_ mask: Mask, _ element: StructuringElement) -> Mask {
        var result = Mask(width: mask.width, height: mask.height)
        let reach = Int(element.radius)
        for y in 0..<mask.height {
            for x in 0..<mask.width {
                for dy in -reach...reach where (0..<mask.height).contains(y + dy) {
                    for dx in -reach...reach where (0..<mask.width).contains(x + dx) {
                        let inside =
                            switch element.shape {
                            case .disk: Double(dx * dx + dy * dy) <= element.radius * element.radius
                            case .square: true
                            case .cross: dx == 0 || dy == 0
                            }
                        if inside, mask.values[(y + dy) * mask.width + x + dx] != 0 {
                            result.values[y * mask.width + x] = 255
                        }
                    }
                }
            }
        }
        return result
    }

    @Test(arguments: StructuringElement.Shape.allCases)
    func dilationFollowsItsDefinitionOnRandomMasks(shape: StructuringElement.Shape) {
        var noise = Noise(state: 5)
        for round in 0..<60 {
            let mask = noise.mask(1 + noise.next(below: 40), 1 + noise.next(below: 40), percent: 1 + round)
            let element = StructuringElement(shape, radius: Double(noise.next(below: 40)) / 4)
            #expect(mask.dilated(by: element) == Self.dilatedByDefinition(mask, element), "radius \(element.radius)")
        }
    }

    private static func isSubset(_ a: Mask, _ b: Mask) -> Bool {
        zip(a.values, b.values).allSatisfy { $0 == 0 || $1 != 0 }
    }

    @Test(arguments: StructuringElement.Shape.allCases)
    func theLawsOfMorphologyHold(shape: StructuringElement.Shape) {
        var noise = Noise(state: 9)
        for _ in 0..<40 {
            let (width, height) = (2 + noise.next(below: 50), 2 + noise.next(below: 50))
            let small = noise.mask(width, height, percent: 10)
            var large = small
            for _ in 0..<20 { large.values[noise.next(below: width * height)] = 255 }
            let element = StructuringElement(shape, radius: Double(1 + noise.next(below: 6)))
            let (grown, shrunk) = (small.dilated(by: element), large.eroded(by: element))
            // Monotone, extensive, anti-extensive, idempotent.
            #expect(Self.isSubset(grown, large.dilated(by: element)))
            #expect(Self.isSubset(small.eroded(by: element), shrunk))
            #expect(Self.isSubset(small, grown) && Self.isSubset(shrunk, large))
            let opened = grown.opened(by: element)
            #expect(Self.isSubset(opened, grown) && opened.opened(by: element) == opened)
            // Erosion is the dilation of what is not set, away from the edge: there, outside counts as empty.
            let dual = large.inverted.dilated(by: element).inverted
            #expect(Self.isSubset(shrunk, dual))
        }
    }

    @Test func aPointGrowsIntoTheElementAndAreasCountItsPixels() {
        var point = Mask(width: 41, height: 41)
        point.values[20 * 41 + 20] = 255
        // Gauss's circle problem: 1, 5, 13, 29, 49, 81, ..., 441 lattice points.
        for (radius, count) in [(0, 1), (1, 5), (2, 13), (3, 29), (4, 49), (5, 81), (12, 441)] {
            #expect(point.dilated(by: StructuringElement(.disk, radius: Double(radius))).area == count)
        }
        #expect(point.dilated(by: StructuringElement(.square, radius: 12)).area == 25 * 25)
        #expect(point.dilated(by: StructuringElement(.cross, radius: 12)).area == 49)
    }

    @Test func aRegionAtTheEdgeIsErodedFromTheEdge() {
        let full = Mask(width: 10, height: 8, values: [UInt8](repeating: 255, count: 80))
        #expect(full.eroded(by: StructuringElement(.disk, radius: 2)).area == 6 * 4)
        #expect(full.dilated(by: StructuringElement(.disk, radius: 1e9)) == full)
        #expect(full.eroded(by: StructuringElement(.square, radius: 1e9)).isEmpty)
    }

    @Test func theCostDoesNotGrowWithTheRadius() {
        var noise = Noise(state: 3)
        let mask = noise.mask(512, 512, percent: 1)
        func seconds(_ radius: Double) -> Double {
            (0..<7).map { _ in
                let clock = ContinuousClock()
                let element = StructuringElement(.disk, radius: radius)
                return clock.measure { _ = mask.dilated(by: element) } / .seconds(1)
            }.min() ?? 0
        }
        // An element of radius 200 has 1,000 times the pixels of one of radius 6.
        #expect(seconds(200) < 4 * seconds(6))
    }
}
